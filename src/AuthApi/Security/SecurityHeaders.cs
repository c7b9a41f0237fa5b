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
        var data = Policies(isDevelopment, policy =>
        {
            policy.AddDefaultSrc().None();
            policy.AddBaseUri().None();
            policy.AddFormAction().None();
            policy.AddFrameAncestors().None();
        });
        var page = Policies(isDevelopment, policy =>
        {
            policy.AddDefaultSrc().None();
            policy.AddScriptSrc().Self();
            policy.AddStyleSrc().Self().WithHash256(LogoStyle);
            policy.AddImgSrc().Self().Data();
            policy.AddConnectSrc().Self();
            policy.AddBaseUri().None();
            policy.AddFormAction().None();
            policy.AddFrameAncestors().None();
        });
        builder.SetPolicySelector(answer => answer.HttpContext.Features.Get<Page>() is null ? data : page);
    });

    /// <summary>Marks what follows as a page that a person looks at.</summary>
    public static IApplicationBuilder UsePageHeaders(this IApplicationBuilder app) => app.Use(static (context, next) =>
    {
        context.Features.Set(Page.Mark);
        return next(context);
    });

    private static HeaderPolicyCollection Policies(bool isDevelopment, Action<CspBuilder> contentSecurityPolicy)
    {
        var policies = FixedHeaders.Of(new HeaderPolicyCollection()
            .AddCustomHeader("Cache-Control", "no-store")
            .AddCustomHeader("Vary", "Origin, Sec-Fetch-Site")
            .AddContentTypeOptionsNoSniff()
            .AddReferrerPolicyNoReferrer()
            .AddCrossOriginResourcePolicy(policy => policy.SameOrigin())

            // What the exception handler says beside its own Cache-Control.
            .RemoveCustomHeader("Pragma")
            .RemoveCustomHeader("Expires")
            .AddContentSecurityPolicy(contentSecurityPolicy));

        // Over HTTPS only, and not for localhost. A browser that has heard it comes back over HTTPS for two years: not for a developer's machine.
        return isDevelopment ? policies : policies.AddStrictTransportSecurityMaxAgeIncludeSubDomains(TwoYears);
    }

    private sealed class Page
    {
        public static readonly Page Mark = new();
    }
}
