using AuthApi.Audit;
using AuthApi.Security;
using AuthApi.Storage;
using Microsoft.AspNetCore.Mvc.ApplicationParts;
using Microsoft.AspNetCore.Mvc.Controllers;

namespace AuthApi.Sessions;

/// <summary>Sessions for an application that has its own login, logout and door: docs/adopt.md.</summary>
public static class AdoptedSessions
{
    /// <summary>
    /// Registers sessions under Identity's scheme, with the store and the audit log they need, and the controllers of <c>/sessions/</c> and
    /// <c>/me/activity/</c>. It replaces the registration of Identity's cookies, so use <c>AddIdentityCore</c> beside it. Prepare the
    /// database by <see cref="StorageServices.PrepareStorageAsync"/> before the application runs.
    /// </summary>
    public static IServiceCollection AddAdoptedSessions(this IServiceCollection services)
    {
        services.AddDataProtection();
        services.AddRecentAuthentication();
        services.AddStorage().AddAudit().AddSessions();
        services.AddControllers().ConfigureApplicationPartManager(parts => parts.FeatureProviders.Add(new SessionControllersOnly()));
        return services;
    }

    // MVC finds every controller of this assembly, and the adopter has a login and a logout already.
    private sealed class SessionControllersOnly : IApplicationFeatureProvider<ControllerFeature>
    {
        private static readonly Type[] Adopted = [typeof(SessionsController), typeof(ActivityController)];

        public void PopulateFeature(IEnumerable<ApplicationPart> parts, ControllerFeature feature)
        {
            foreach (var controller in feature.Controllers.Where(type => type.Assembly == typeof(SessionsController).Assembly && !Adopted.Contains(type)).ToList())
            {
                feature.Controllers.Remove(controller);
            }
        }
    }
}
