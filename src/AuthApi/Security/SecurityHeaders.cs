using System.Globalization;
using AuthApi.Startup;
using Microsoft.AspNetCore.HttpsPolicy;
using Microsoft.Extensions.Options;

namespace AuthApi.Security;

/// <summary>
/// Sets the headers by which every answer, errors included, has a browser keep nothing, guess nothing and frame nothing (ASVS 3.4). An answer
/// is data, so its policy allows nothing; a page, which is Swagger UI, may load the files beside it and call its own origin.
/// </summary>
internal static class SecurityHeaders
{
    private const string HstsSection = "Hsts";

    private const string DataPolicy = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

    // The hash is of the one style that Swagger UI writes into its page: the colours of its logo. Another version may have another one; a browser then shows its hash.
    private const string PagePolicy =
        "default-src 'none'; script-src 'self'; style-src 'self' 'sha256-RL3ie0nH+Lzz2YNqQN83mnU0J1ot4QL7b99vMdIX99w='; img-src 'self' data:; "
        + "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

    /// <summary>Binds the framework's <see cref="HstsOptions"/> to the section <c>Hsts</c>: a year, without subdomains, unless that says otherwise.</summary>
    public static void AddSecurityHeaders(this IServiceCollection services)
    {
        services.Configure<HstsOptions>(options => options.MaxAge = TimeSpan.FromDays(365));
        services.AddValidatedOptions<HstsOptions>(HstsSection).Validate(
            options => options.MaxAge >= TimeSpan.Zero, $"{HstsSection}:{nameof(HstsOptions.MaxAge)} must not be negative.");
    }

    /// <summary>Sets them when the answer starts: the exception handler clears the headers that were set before.</summary>
    public static IApplicationBuilder UseSecurityHeaders(this WebApplication app)
    {
        var hsts = app.Services.GetRequiredService<IOptions<HstsOptions>>().Value;
        var strictTransportSecurity = ValueOf(hsts);
        var isDevelopment = app.Environment.IsDevelopment();
        Func<object, Task> set = Set;
        return app.Use((context, next) =>
        {
            context.Response.OnStarting(set, context);
            return next(context);
        });

        Task Set(object state)
        {
            var context = (HttpContext)state;
            var headers = context.Response.Headers;
            headers.CacheControl = "no-store";
            headers.ContentSecurityPolicy = context.Features.Get<Page>() is null ? DataPolicy : PagePolicy;
            headers.Vary = "Origin, Sec-Fetch-Site";
            headers.XContentTypeOptions = "nosniff";
            headers["Cross-Origin-Resource-Policy"] = "same-origin";
            headers["Referrer-Policy"] = "no-referrer";

            // The exception handler sets these beside its own Cache-Control.
            headers.Remove("Pragma");
            headers.Remove("Expires");

            // As UseHsts, whose header the exception handler would clear. Not in Development: a browser would ask a developer's machine for HTTPS for a year.
            if (!isDevelopment && context.Request.IsHttps && !hsts.ExcludedHosts.Contains(context.Request.Host.Host, StringComparer.OrdinalIgnoreCase))
            {
                headers.StrictTransportSecurity = strictTransportSecurity;
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

    private static string ValueOf(HstsOptions options) => string.Create(
        CultureInfo.InvariantCulture,
        $"max-age={(long)options.MaxAge.TotalSeconds}{(options.IncludeSubDomains ? "; includeSubDomains" : "")}{(options.Preload ? "; preload" : "")}");

    private sealed class Page
    {
        public static readonly Page Mark = new();
    }
}
