using AuthApi.Api;
using AuthApi.Sessions;
using Microsoft.AspNetCore.Http.Metadata;

namespace AuthApi.Audit;

/// <summary>Records calls that the rules of authorization refuse (ASVS 16.3.2): once a minute for each kind of refusal, user and address, however many there are.</summary>
internal static class RefusedCalls
{
    // The other codes of 403 are about a login, which has events of its own.
    private static readonly string[] Refusals =
        [ApiProblem.Forbidden.Code, ApiProblem.ReauthenticationRequired.Code, ApiProblem.RecoverySession.Code, ApiProblem.CrossSiteRequest.Code];

    public static IApplicationBuilder UseRecordOfRefusedCalls(this WebApplication app)
    {
        var events = app.Services.GetRequiredService<BoundedEvents>();
        var metrics = app.Services.GetRequiredService<AdministrationMetrics>();
        return app.Use(async (context, next) =>
        {
            await next(context);
            if (context.Response.StatusCode is StatusCodes.Status403Forbidden or StatusCodes.Status401Unauthorized)
            {
                Record(context, events, metrics);
            }
        });
    }

    private static void Record(HttpContext context, BoundedEvents events, AdministrationMetrics metrics)
    {
        // A bare status gets its problem later.
        var code = context.Features.Get<ApiProblem>()?.Code ?? context.Features.Get<SessionProblem>()?.Code ?? ApiProblem.ForStatus(context.Response.StatusCode).Code;
        if (context.GetEndpoint()?.Metadata.GetMetadata<ITagsMetadata>()?.Tags.Contains(AdministrationCalls.Tag) == true)
        {
            metrics.Refused(code);
            events.RecordRefusal(context, AdministrationEvent.AdministrationRefused, code);
        }
        else if (Refusals.Contains(code))
        {
            events.RecordRefusal(context, AdministrationEvent.AccessRefused, code);
        }
    }
}
