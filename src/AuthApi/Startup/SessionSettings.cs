using System.Text.Json.Serialization;
using AuthApi.Sessions;
using Microsoft.AspNetCore.Mvc;

namespace AuthApi.Startup;

/// <summary>What of the library's settings this program takes from its configuration, and the JSON of its answers.</summary>
internal static partial class SessionSettings
{
    public static IServiceCollection AddSessionSettings(this IServiceCollection services)
    {
        // Not those for applications with pages; and the cookie is of this host alone.
        services.AddKnownKeys<UserSessionOptions>(
            UserSessionOptions.Section,
            except:
            [
                nameof(UserSessionOptions.CookiePath),
                nameof(UserSessionOptions.CookieDomain),
                nameof(UserSessionOptions.LoginPath),
                nameof(UserSessionOptions.AccessDeniedPath),
                nameof(UserSessionOptions.ReturnUrlParameter),
                nameof(UserSessionOptions.CarryOverIdentityCookies),
                nameof(UserSessionOptions.SharePrincipals),
                nameof(UserSessionOptions.Realm),
            ]);
        services.AddKnownKeys<AuditOptions>(AuditOptions.Section);
        services.AddOptions<UserSessionOptions>()
            .Configure(options => (options.Realm, options.SharePrincipals) = ("AuthApi", true))
            .Validate(
                options => options.CookieSameSite != SameSiteMode.None,
                "Sessions:CookieSameSite must be Strict or Lax, not None.");
        services.Configure<JsonOptions>(options => options.JsonSerializerOptions.TypeInfoResolverChain.Insert(0, SessionsJson.Default));
        return services;
    }

    [JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase)]
    [JsonSerializable(typeof(SessionsResponse))]
    [JsonSerializable(typeof(CurrentSessionResponse))]
    [JsonSerializable(typeof(ActivityResponse))]
    private sealed partial class SessionsJson : JsonSerializerContext;
}
