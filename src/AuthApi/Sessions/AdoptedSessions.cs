using System.Reflection;
using AuthApi.Audit;
using AuthApi.Security;
using AuthApi.Storage;
using Microsoft.AspNetCore.Mvc.ApplicationParts;

namespace AuthApi.Sessions;

/// <summary>Sessions for an application that has its own login, logout and door: docs/adopt.md.</summary>
public static class AdoptedSessions
{
    // Of our calls, those that an application with a login of its own does not have.
    private static readonly TypeInfo[] Controllers = [typeof(SessionsController).GetTypeInfo(), typeof(ActivityController).GetTypeInfo()];

    /// <summary>
    /// Registers sessions under Identity's scheme, with the store and the audit log they need, and the controllers of <c>/sessions/</c> and
    /// <c>/me/activity/</c>. It takes the place of what registers Identity's cookies, so <c>AddIdentityCore</c> is to be used beside it. The
    /// database is to be prepared by <see cref="StorageServices.PrepareStorageAsync"/> before the application runs.
    /// </summary>
    public static IServiceCollection AddAdoptedSessions(this IServiceCollection services)
    {
        services.AddRecentAuthentication();
        services.AddStorage().AddAudit().AddSessions();

        // An application finds all the controllers of what it references. Ours of accounts would answer beside its own.
        services.AddControllers().ConfigureApplicationPartManager(static parts =>
        {
            var ours = typeof(AdoptedSessions).Assembly;
            foreach (var part in parts.ApplicationParts.OfType<AssemblyPart>().Where(part => part.Assembly == ours).ToList())
            {
                parts.ApplicationParts.Remove(part);
            }

            parts.ApplicationParts.Add(new AdoptedControllers());
        });
        return services;
    }

    private sealed class AdoptedControllers : ApplicationPart, IApplicationPartTypeProvider
    {
        public override string Name => nameof(AdoptedControllers);

        public IEnumerable<TypeInfo> Types => Controllers;
    }
}
