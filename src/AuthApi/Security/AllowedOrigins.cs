using System.Buffers;
using AuthApi.Startup;
using Microsoft.AspNetCore.Cors.Infrastructure;
using Microsoft.Extensions.Options;
using Microsoft.Net.Http.Headers;

namespace AuthApi.Security;

/// <summary>The configuration section <c>Cors</c>.</summary>
public sealed class AllowedOriginsOptions
{
    public const string Section = "Cors";

    /// <summary>
    /// The origins, beside the API's own, whose pages may call the API and read its answers, each as browsers spell it.
    /// <c>https://*.example.com</c> allows every name below <c>example.com</c>.
    /// </summary>
    public IReadOnlyList<string> AllowedOrigins { get; set; } = [];

    /// <summary>Request headers that those pages may send, beside <c>Content-Type</c>, <c>Authorization</c> and those of tracing.</summary>
    public IReadOnlyList<string> AllowedHeaders { get; set; } = [];
}

/// <summary>Decides which pages of other origins may use the API: by the same list for CORS and for the cross-site guard.</summary>
internal static class AllowedOrigins
{
    public const string Key = $"{AllowedOriginsOptions.Section}:{nameof(AllowedOriginsOptions.AllowedOrigins)}";

    private const string HeadersKey = $"{AllowedOriginsOptions.Section}:{nameof(AllowedOriginsOptions.AllowedHeaders)}";

    // Schemes whose origin is opaque (HTML, 7.1.1), or that have no pages.
    private static readonly string[] NoOrigins = ["file", "ftp", "javascript", "data", "blob", "about"];

    // Browser tracing adds its headers to every call; one that the preflight does not allow blocks the call.
    private static readonly string[] AlwaysAllowedHeaders =
        [HeaderNames.ContentType, HeaderNames.Authorization, HeaderNames.TraceParent, HeaderNames.TraceState, HeaderNames.Baggage, "sentry-trace"];

    // RFC 9110, 5.6.2, without the asterisk: with credentials a browser takes it for a header of that name.
    private static readonly SearchValues<char> TokenCharacters =
        SearchValues.Create("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789!#$%&'+-.^_`|~");

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

            options.AllowedHeaders = configuration.GetList(HeadersKey);
            if (options.AllowedHeaders.FirstOrDefault(header => header.AsSpan().ContainsAnyExcept(TokenCharacters)) is { } wrong)
            {
                throw new ConfigurationException(HeadersKey, $"has '{wrong}', which is not the name of a header.");
            }
        }).ValidateOnStart();
        services.AddSingleton(provider => new OriginList(provider.GetRequiredService<IOptions<AllowedOriginsOptions>>().Value.AllowedOrigins));
        services.AddCors();
        services.AddOptions<CorsOptions>().Configure<IOptions<AllowedOriginsOptions>, OriginList>((cors, options, allowed) => cors.AddDefaultPolicy(policy => policy
            .SetIsOriginAllowed(allowed.Contains)
            .AllowCredentials()
            .WithMethods(HttpMethods.Get, HttpMethods.Post, HttpMethods.Put, HttpMethods.Patch, HttpMethods.Delete)
            .WithHeaders([.. AlwaysAllowedHeaders, .. options.Value.AllowedHeaders])
            .WithExposedHeaders(HeaderNames.RetryAfter, HeaderNames.WWWAuthenticate)
            .SetPreflightMaxAge(TimeSpan.FromMinutes(10))));
    }

    /// <summary>
    /// Answers preflights of the allowed origins and lets their pages read the answers (ASVS 3.4.2), refusals included: so it stands before
    /// everything that refuses. Other origins get no CORS header.
    /// </summary>
    public static IApplicationBuilder UseAllowedOrigins(this WebApplication app) =>
        app.Services.GetRequiredService<OriginList>().IsEmpty ? app : app.UseCors();

    private static void Check(string origin, IHostEnvironment environment)
    {
        var isWildcard = origin.StartsWith(OriginList.Wildcard, StringComparison.Ordinal);
        var example = isWildcard ? $"https://a.{origin[OriginList.Wildcard.Length..]}" : origin;
        if (!Uri.TryCreate(example, UriKind.Absolute, out var uri)
            || uri.Host.Length == 0
            || NoOrigins.Contains(uri.Scheme)
            || $"{uri.Scheme}://{(uri.HostNameType == UriHostNameType.IPv6 ? uri.Host : uri.IdnHost)}{(uri.IsDefaultPort ? "" : $":{uri.Port}")}" != example)
        {
            throw new ConfigurationException(Key, $"has '{origin}', which is no origin as browsers write it: scheme://host, in lower case, with the port where it is not the scheme's own, and nothing after it; or {OriginList.Wildcard}example.com for every name below that one.");
        }

        if (isWildcard && uri.Host.Count(character => character == '.') < 2)
        {
            throw new ConfigurationException(Key, $"has '{origin}', which would trust every site of a top-level domain.");
        }

        // Anybody on the same network can change such a page.
        if (uri.Scheme == Uri.UriSchemeHttp && !IsLoopback(uri) && !environment.IsDevelopment())
        {
            throw new ConfigurationException(Key, $"has '{origin}', a page that comes over plain HTTP; it can be trusted in Development only.");
        }
    }

    // Names below localhost are loopback too (RFC 6761, 6.3), as http://tauri.localhost.
    private static bool IsLoopback(Uri uri) => uri.IsLoopback || uri.Host.EndsWith(".localhost", StringComparison.Ordinal);
}
