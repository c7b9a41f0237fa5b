using System.Security.Claims;
using Microsoft.AspNetCore.Identity;
using Microsoft.Extensions.DependencyInjection;

namespace AuthApi.Sessions;

/// <summary>Creates the principal of a session that is not cached: by Identity's factory, unless the application registers another.</summary>
public interface ISessionPrincipalFactory
{
    /// <summary>Creates the principal.</summary>
    /// <param name="session">The session.</param>
    /// <returns>A principal whose identity is authenticated; <see langword="null"/> if the user is gone, and the session is none.</returns>
    Task<ClaimsPrincipal?> CreateAsync(UserSession session);
}

/// <summary>Identity's own factory, with its managers and their database context in a scope of their own, so that the action does not find the user tracked.</summary>
internal sealed class IdentityPrincipalFactory<TUser>(IServiceScopeFactory scopes) : ISessionPrincipalFactory
    where TUser : class
{
    public async Task<ClaimsPrincipal?> CreateAsync(UserSession session)
    {
        await using var scope = scopes.CreateAsyncScope();
        var services = scope.ServiceProvider;
        return await services.GetRequiredService<UserManager<TUser>>().FindByIdAsync(session.UserId) is { } user
            ? await services.GetRequiredService<IUserClaimsPrincipalFactory<TUser>>().CreateAsync(user)
            : null;
    }
}
