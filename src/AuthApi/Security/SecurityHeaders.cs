using Microsoft.Extensions.Primitives;
using NetEscapades.AspNetCore.SecurityHeaders.Headers;
using NetEscapades.AspNetCore.SecurityHeaders.Infrastructure;

namespace AuthApi.Security;

/// <summary>
/// What every answer tells a browser, errors included: keep nothing, guess nothing, show it nowhere (ASVS 3.4). An answer is data, so its
/// policy allows nothing; a page of ours, which is Swagger UI, may load what lies beside it and call this origin.
/// </summary>
internal static class SecurityHeaders
{
    private const int TwoYears = 63_072_000; // in seconds

    // The one style that Swagger UI writes into its page: the colours of its logo. Another version may have another one; a browser then says its hash.
    private const string LogoStyle = "RL3ie0nH+Lzz2YNqQN83mnU0J1ot4QL7b99vMdIX99w=";

    public static void AddSecurityHeaders(this IServiceCollection services) => services.AddSecurityHeaderPolicies((builder, provider) =>
    {
        var isDevelopment = provider.GetRequiredService<IHostEnvironment>().IsDevelopment();
        var data = Fixed(Common().AddContentSecurityPolicy(policy =>
        {
            policy.AddDefaultSrc().None();
            policy.AddBaseUri().None();
            policy.AddFormAction().None();
            policy.AddFrameAncestors().None();
        }));
        var page = Fixed(Common().AddContentSecurityPolicy(policy =>
        {
            policy.AddDefaultSrc().None();
            policy.AddScriptSrc().Self();
            policy.AddStyleSrc().Self().WithHash256(LogoStyle);
            policy.AddImgSrc().Self().Data();
            policy.AddConnectSrc().Self();
            policy.AddBaseUri().None();
            policy.AddFormAction().None();
            policy.AddFrameAncestors().None();
        }));
        if (!isDevelopment)
        {
            // Over HTTPS only, and not for localhost. A browser that has heard it comes back over HTTPS for two years: not for a developer's machine.
            data.AddStrictTransportSecurityMaxAgeIncludeSubDomains(TwoYears);
            page.AddStrictTransportSecurityMaxAgeIncludeSubDomains(TwoYears);
        }

        builder.SetPolicySelector(answer => answer.HttpContext.Features.Get<Page>() is null ? data : page);
    });

    /// <summary>Marks what follows as a page that a person looks at.</summary>
    public static IApplicationBuilder UsePageHeaders(this IApplicationBuilder app) => app.Use(static (context, next) =>
    {
        context.Features.Set(Page.Mark);
        return next(context);
    });

    private static HeaderPolicyCollection Common() => new HeaderPolicyCollection()
        .AddCustomHeader("Cache-Control", "no-store")
        .AddCustomHeader("Vary", "Origin, Sec-Fetch-Site")
        .AddContentTypeOptionsNoSniff()
        .AddReferrerPolicyNoReferrer()
        .AddCrossOriginResourcePolicy(policy => policy.SameOrigin())

        // What the exception handler says beside its own Cache-Control.
        .RemoveCustomHeader("Pragma")
        .RemoveCustomHeader("Expires");

    private sealed class Page
    {
        public static readonly Page Mark = new();
    }

    // What the library makes of policies that are the same for every request, worked out once instead of for each. So none that looks at the
    // request: no nonce, no Strict-Transport-Security, nothing for pages only.
    internal static HeaderPolicyCollection Fixed(HeaderPolicyCollection policies)
    {
        var headers = new FixedHeaders(policies.Values);
        return new HeaderPolicyCollection { [headers.Header] = headers };
    }

    private sealed class FixedHeaders : IHeaderPolicy
    {
        private readonly KeyValuePair<string, StringValues>[] _set;
        private readonly string[] _removed;

        public FixedHeaders(IEnumerable<IHeaderPolicy> policies)
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
}
