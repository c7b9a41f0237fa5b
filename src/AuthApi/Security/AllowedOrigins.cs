using AuthApi.Startup;
using Microsoft.AspNetCore.Cors.Infrastructure;
using Microsoft.Extensions.Options;
using Microsoft.Net.Http.Headers;

namespace AuthApi.Security;

/// <summary>The configuration section <c>Cors</c>.</summary>
public sealed class AllowedOriginsOptions
{
    public const string Section = "Cors";

    /// <summary>The origins, beside its own, whose pages may call the API and read its answers, each as browsers spell it.</summary>
    public IReadOnlyList<string> AllowedOrigins { get; set; } = [];
}

/// <summary>Which pages of other origins may use the API: the same list for CORS and for the cross-site guard.</summary>
internal static class AllowedOrigins
{
    // What has no origin that is its own (HTML, 7.1.1), and what is no page.
    private static readonly string[] NoOrigins = ["file", "ftp", "javascript", "data", "blob", "about"];

    private const string Key = $"{AllowedOriginsOptions.Section}:{nameof(AllowedOriginsOptions.AllowedOrigins)}";

    public static void AddAllowedOrigins(this IServiceCollection services)
    {
        services.AddKnownKeys<AllowedOriginsOptions>(AllowedOriginsOptions.Section);
        services.AddOptions<AllowedOriginsOptions>().Configure<IConfiguration, IHostEnvironment>((options, configuration, environment) =>
        {
            options.AllowedOrigins = configuration.GetList(Key);
            foreach (var origin in options.AllowedOrigins)
            {
                Check(origin, environment);
            }
        }).ValidateOnStart();
        services.AddCors();
        services.AddOptions<CorsOptions>().Configure<IOptions<AllowedOriginsOptions>>((cors, allowed) => cors.AddDefaultPolicy(policy => policy
            .WithOrigins([.. allowed.Value.AllowedOrigins])
            .AllowCredentials()
            .WithMethods(HttpMethods.Get, HttpMethods.Post, HttpMethods.Delete)
            .WithHeaders(HeaderNames.ContentType, HeaderNames.Authorization)
            .WithExposedHeaders(HeaderNames.RetryAfter, HeaderNames.WWWAuthenticate)
            .SetPreflightMaxAge(TimeSpan.FromMinutes(10))));
    }

    /// <summary>Answers preflights of the allowed origins and lets their pages read the answers (ASVS 3.4.2). Other origins hear no word of it.</summary>
    public static IApplicationBuilder UseAllowedOrigins(this WebApplication app) => Of(app).Count > 0 ? app.UseCors() : app;

    public static IReadOnlyList<string> Of(WebApplication app) =>
        app.Services.GetRequiredService<IOptions<AllowedOriginsOptions>>().Value.AllowedOrigins;

    private static void Check(string origin, IHostEnvironment environment)
    {
        if (!Uri.TryCreate(origin, UriKind.Absolute, out var uri)
            || uri.Host.Length == 0
            || NoOrigins.Contains(uri.Scheme)
            || $"{uri.Scheme}://{(uri.HostNameType == UriHostNameType.IPv6 ? uri.Host : uri.IdnHost)}{(uri.IsDefaultPort ? "" : $":{uri.Port}")}" != origin)
        {
            throw new ConfigurationException(Key, $"has '{origin}', which is no origin as browsers write it: scheme://host, in lower case, with the port where it is not the scheme's own, and nothing after it.");
        }

        // Whoever is on the same network can put words into such a page's mouth.
        if (uri.Scheme == Uri.UriSchemeHttp && !uri.IsLoopback && !environment.IsDevelopment())
        {
            throw new ConfigurationException(Key, $"has '{origin}', a page that comes over plain HTTP; it can be trusted in Development only.");
        }
    }
}
