namespace AuthApi.Sessions;

/// <summary>Says that a call can answer with a problem of its own, for an application that describes its calls in OpenAPI.</summary>
/// <param name="statusCode">The HTTP status.</param>
/// <param name="description">The problem's <c>code</c> and when it comes, in Markdown.</param>
[AttributeUsage(AttributeTargets.Method, AllowMultiple = true)]
public sealed class ProducesSessionProblemAttribute(int statusCode, string description) : Attribute
{
    /// <summary>The HTTP status.</summary>
    public int StatusCode => statusCode;

    /// <summary>The problem's <c>code</c> and when it comes, in Markdown.</summary>
    public string Description => description;
}
