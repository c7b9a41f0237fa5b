using System.ComponentModel.DataAnnotations;

namespace AuthApi.Mail;

/// <summary>Where people find this service, in the configuration section <c>Accounts</c>.</summary>
public sealed class PublicUrlOptions : IValidatableObject
{
    public const string Section = "Accounts";

    /// <summary>The address that links in messages begin with. Never the <c>Host</c> of a request, which its sender chooses.</summary>
    public string? PublicUrl { get; set; }

    internal string? Base => string.IsNullOrEmpty(PublicUrl) ? null : PublicUrl.TrimEnd('/');

    public IEnumerable<ValidationResult> Validate(ValidationContext validationContext)
    {
        if (Base is not null && !(Uri.TryCreate(PublicUrl, UriKind.Absolute, out var url)
            && (url.Scheme == Uri.UriSchemeHttps || (url.Scheme == Uri.UriSchemeHttp && url.IsLoopback))
            && url is { Query: "", Fragment: "", UserInfo: "" }))
        {
            yield return new ValidationResult($"{Section}:PublicUrl must be an https address without a query, as https://auth.example.com; http is allowed for this machine.");
        }
    }
}
