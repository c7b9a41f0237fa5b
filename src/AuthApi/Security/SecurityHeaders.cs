namespace AuthApi.Security;

/// <summary>
/// What every answer tells a browser, errors included: keep nothing, guess nothing, show it nowhere (ASVS 3.4). An answer is data, so its
/// policy allows nothing; a page of ours, which is Swagger UI, may load what lies beside it and call this origin.
/// </summary>
internal static class SecurityHeaders
{
    private const string TwoYears = "max-age=63072000; includeSubDomains";

    // The one style that Swagger UI writes into its page: the colours of its logo. Another version may have another one; a browser then says its hash.
    private const string LogoStyle = "RL3ie0nH+Lzz2YNqQN83mnU0J1ot4QL7b99vMdIX99w=";

    // Where the name is that of whatever machine is meant, a browser would take it for all of them.
    private static readonly string[] LocalHosts = ["localhost", "127.0.0.1", "[::1]"];

    /// <summary>
    /// Sets them when the answer starts, as what has failed begins its answer anew. The values are the library's; its middleware would select and
    /// evaluate policies for every answer.
    /// </summary>
    public static IApplicationBuilder UseSecurityHeaders(this WebApplication app)
    {
        var isDevelopment = app.Environment.IsDevelopment();
        var data = Fixed(policy =>
        {
            policy.AddDefaultSrc().None();
            policy.AddBaseUri().None();
            policy.AddFormAction().None();
            policy.AddFrameAncestors().None();
        });
        var page = Fixed(policy =>
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
        Func<object, Task> set = Set;
        return app.Use((context, next) =>
        {
            context.Response.OnStarting(set, context);
            return next(context);
        });

        Task Set(object state)
        {
            var context = (HttpContext)state;
            (context.Features.Get<Page>() is null ? data : page).SetOn(context.Response.Headers);

            // Over HTTPS only, and not for localhost. A browser that has heard it comes back over HTTPS for two years: not for a developer's machine.
            if (!isDevelopment && context.Request.IsHttps && !LocalHosts.Contains(context.Request.Host.Host, StringComparer.OrdinalIgnoreCase))
            {
                context.Response.Headers.StrictTransportSecurity = TwoYears;
            }

            return Task.CompletedTask;
        }
    }

    /// <summary>Marks what follows as a page that a person looks at.</summary>
    public static IApplicationBuilder UsePageHeaders(this IApplicationBuilder app) => app.Use(static (context, next) =>
    {
        context.Features.Set(Page.Mark);
        return next(context);
    });

    private static FixedHeaders Fixed(Action<CspBuilder> contentSecurityPolicy) => new(new HeaderPolicyCollection()
        .AddCustomHeader("Cache-Control", "no-store")
        .AddCustomHeader("Vary", "Origin, Sec-Fetch-Site")
        .AddContentTypeOptionsNoSniff()
        .AddReferrerPolicyNoReferrer()
        .AddCrossOriginResourcePolicy(policy => policy.SameOrigin())

        // What the exception handler says beside its own Cache-Control.
        .RemoveCustomHeader("Pragma")
        .RemoveCustomHeader("Expires")
        .AddContentSecurityPolicy(contentSecurityPolicy));

    private sealed class Page
    {
        public static readonly Page Mark = new();
    }
}
