namespace AuthApi.Api;

/// <summary>Says in the OpenAPI document that a call can answer with a problem of its own, beside those that any call can.</summary>
[AttributeUsage(AttributeTargets.Class | AttributeTargets.Method, AllowMultiple = true)]
public sealed class ProducesProblemAttribute(int statusCode, string description) : Attribute
{
    public int StatusCode => statusCode;

    /// <summary>The problem's <c>code</c> and when it comes, in Markdown.</summary>
    public string Description => description;
}
