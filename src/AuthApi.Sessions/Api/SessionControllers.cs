using System.Reflection;
using Microsoft.AspNetCore.Mvc.ApplicationParts;
using Microsoft.AspNetCore.Mvc.Controllers;

namespace AuthApi.Sessions;

/// <summary>Adds the controllers of sessions to MVC. They are internal: MVC serves the public ones of every referenced assembly, asked for or not.</summary>
internal sealed class SessionControllers : IApplicationFeatureProvider<ControllerFeature>
{
    /// <summary>The scheme of sessions, <c>IdentityConstants.ApplicationScheme</c>: a token of another scheme has no session to list or to end.</summary>
    public const string Scheme = "Identity.Application";

    public void PopulateFeature(IEnumerable<ApplicationPart> parts, ControllerFeature feature)
    {
        feature.Controllers.Add(typeof(SessionsController).GetTypeInfo());
        feature.Controllers.Add(typeof(ActivityController).GetTypeInfo());
    }
}
