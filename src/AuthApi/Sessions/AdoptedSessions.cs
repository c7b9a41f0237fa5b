using AuthApi.Audit;
using AuthApi.Security;
using AuthApi.Storage;

namespace AuthApi.Sessions;

/// <summary>Sessions for an application that has its own login, logout and door: docs/adopt.md.</summary>
public static class AdoptedSessions
{
    /// <summary>
    /// Registers sessions under Identity's scheme, with the store and the audit log they need, and the controllers of <c>/sessions/</c> and
    /// <c>/me/activity/</c>. It takes the place of what registers Identity's cookies, so <c>AddIdentityCore</c> is to be used beside it. The
    /// database is to be prepared by <see cref="StorageServices.PrepareStorageAsync"/> before the application runs.
    /// </summary>
    public static IServiceCollection AddAdoptedSessions(this IServiceCollection services)
    {
        services.AddRecentAuthentication();
        services.AddStorage().AddAudit().AddSessions();
        services.AddControllers();
        return services;
    }
}
