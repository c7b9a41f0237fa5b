using Microsoft.Extensions.Primitives;
using NetEscapades.AspNetCore.SecurityHeaders.Headers;
using NetEscapades.AspNetCore.SecurityHeaders.Infrastructure;

namespace AuthApi.Security;

/// <summary>
/// What the library makes of policies that are the same for every request, worked out once instead of for each. So none that looks at the
/// request: no nonce, no <c>Strict-Transport-Security</c>, nothing for pages only.
/// </summary>
internal sealed class FixedHeaders : IHeaderPolicy
{
    private readonly KeyValuePair<string, StringValues>[] _set;
    private readonly string[] _removed;

    private FixedHeaders(IEnumerable<IHeaderPolicy> policies)
    {
        var (nobody, result) = (new DefaultHttpContext(), new CustomHeadersResult());
        foreach (var policy in policies)
        {
            if (policy is ContentSecurityPolicyHeader.DynamicContentSecurityPolicyHeader or StrictTransportSecurityHeader or HtmlOnlyHeaderPolicyBase)
            {
                throw new ArgumentException($"{policy.Header} is not the same for every request.", nameof(policies));
            }

            policy.Apply(nobody, result);
        }

        _set = [.. result.SetHeaders.Select(header => KeyValuePair.Create(header.Key, new StringValues(header.Value)))];
        _removed = [.. result.RemoveHeaders];
    }

    public string Header => nameof(FixedHeaders);

    /// <summary>One policy in place of all of them.</summary>
    /// <exception cref="ArgumentException">One of them is not the same for every request.</exception>
    public static HeaderPolicyCollection Of(HeaderPolicyCollection policies)
    {
        var headers = new FixedHeaders(policies.Values);
        return new HeaderPolicyCollection { [headers.Header] = headers };
    }

    public void Apply(HttpContext context, CustomHeadersResult result)
    {
        var headers = context.Response.Headers;
        foreach (var (name, value) in _set)
        {
            headers[name] = value;
        }

        foreach (var name in _removed)
        {
            headers.Remove(name);
        }
    }
}
