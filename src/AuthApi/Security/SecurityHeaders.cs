using System.Globalization;
using AuthApi.Startup;
using Microsoft.AspNetCore.HttpsPolicy;
using Microsoft.Extensions.Options;

namespace AuthApi.Security;

/// <summary>
/// Sets the headers by which every answer, errors included, has a browser keep nothing, guess nothing and frame nothing (ASVS 3.4). An answer
/// is data, so its policy allows nothing and it is not stored; a page says by <see cref="PageHeaders"/> what it may do.
/// </summary>
internal static class SecurityHeaders
{
    private const string HstsSection = "Hsts";

    private const string DataPolicy = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

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
            var page = context.Features.Get<PageHeaders>();
            headers.CacheControl = page?.CacheControl ?? "no-store";
            headers.ContentSecurityPolicy = page?.Policy ?? DataPolicy;
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

    private static string ValueOf(HstsOptions options) => string.Create(
        CultureInfo.InvariantCulture,
        $"max-age={(long)options.MaxAge.TotalSeconds}{(options.IncludeSubDomains ? "; includeSubDomains" : "")}{(options.Preload ? "; preload" : "")}");
}
