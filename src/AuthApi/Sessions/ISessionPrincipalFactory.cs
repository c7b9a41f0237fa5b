using System.Security.Claims;
using AuthApi.Storage;
using Microsoft.AspNetCore.Identity;

namespace AuthApi.Sessions;

/// <summary>Makes the principal of a session that is not cached: by Identity's factory, unless the application registers another.</summary>
public interface ISessionPrincipalFactory
{
    Task<ClaimsPrincipal> CreateAsync(StoredSession stored);
}

/// <summary>Identity's own factory, with its managers and their database context in a scope of their own, so that the action does not find the user tracked.</summary>
internal sealed class IdentityPrincipalFactory(IServiceScopeFactory scopes) : ISessionPrincipalFactory
{
    public async Task<ClaimsPrincipal> CreateAsync(StoredSession stored)
    {
        await using var scope = scopes.CreateAsyncScope();
        return await scope.ServiceProvider.GetRequiredService<IUserClaimsPrincipalFactory<ApplicationUser>>().CreateAsync(stored.User);
    }
}
