using System.Collections.Concurrent;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Authorization.Infrastructure;
using Microsoft.Extensions.Options;

namespace AuthApi.Security;

/// <summary>
/// Lets whoever is signed in through where nothing else is asked, as most calls have it, without the framework's middleware, which finds and
/// evaluates the call's policy each time; that is a twentieth of a signed-in request. Everything else, and every refusal, is the framework's. So a
/// handler that is to refuse somebody who is signed in has a requirement of its own.
/// </summary>
internal static class SessionAuthorization
{
    public static void AddSessionAuthorization(this IServiceCollection services) =>
        // Where the framework's middleware was not asked, the endpoint would say that it is missing.
        services.Configure<RouteOptions>(options => options.SuppressCheckForUnhandledSecurityMetadata = true);

    /// <summary>In place of <c>UseAuthorization</c>.</summary>
    public static IApplicationBuilder UseSessionAuthorization(this WebApplication app)
    {
        // What UseAuthorization notes, or the host would put that before all else.
        ((IApplicationBuilder)app).Properties["__AuthorizationMiddlewareSet"] = true;

        var byDefault = app.Services.GetRequiredService<IOptions<AuthorizationOptions>>().Value.DefaultPolicy;
        var asks = new ConcurrentDictionary<Endpoint, bool>();
        return app.UseWhen(
            context => !(context.User.Identity is { IsAuthenticated: true }
                && context.GetEndpoint() is { } endpoint
                && asks.GetOrAdd(endpoint, static (endpoint, byDefault) => AsksForASessionOnly(endpoint.Metadata, byDefault), byDefault)),
            static others => others.UseAuthorization());
    }

    /// <summary>Whether all that is asked of a call is that whoever makes it is signed in.</summary>
    /// <param name="call">The metadata of its endpoint.</param>
    /// <param name="byDefault">What an attribute that says nothing more asks.</param>
    internal static bool AsksForASessionOnly(EndpointMetadataCollection call, AuthorizationPolicy byDefault)
    {
        var asked = call.GetOrderedMetadata<IAuthorizeData>();
        return asked.Count > 0
            && asked.All(one => one is { Policy: null or "", Roles: null or "", AuthenticationSchemes: null or "" })
            && call.GetMetadata<AuthorizationPolicy>() is null
            && call.GetMetadata<IAuthorizationRequirementData>() is null
            && byDefault.AuthenticationSchemes.Count == 0
            && byDefault.Requirements.Count == 1

            // That requirement itself: what is derived from it may ask more.
            && byDefault.Requirements[0].GetType() == typeof(DenyAnonymousAuthorizationRequirement);
    }
}
