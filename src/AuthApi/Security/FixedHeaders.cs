using Microsoft.Extensions.Primitives;
using NetEscapades.AspNetCore.SecurityHeaders.Headers;
using NetEscapades.AspNetCore.SecurityHeaders.Infrastructure;

namespace AuthApi.Security;

/// <summary>
/// What the library makes of policies that are the same for every request, worked out once instead of for each. So none that looks at the
/// request: no nonce, no <c>Strict-Transport-Security</c>, nothing for pages only.
/// </summary>
internal sealed class FixedHeaders
{
    private readonly KeyValuePair<string, StringValues>[] _set;
    private readonly string[] _removed;

    /// <exception cref="ArgumentException">One of the policies is not the same for every request.</exception>
    public FixedHeaders(HeaderPolicyCollection policies)
    {
        var (nobody, result) = (new DefaultHttpContext(), new CustomHeadersResult());
        foreach (var policy in policies.Values)
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

    public void SetOn(IHeaderDictionary headers)
    {
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
