using System.Globalization;
using Microsoft.AspNetCore.Mvc.Filters;

namespace AuthApi.Audit;

/// <summary>Records that an administrator has read what the action answers, and about which account, where the path or a filter has its id.</summary>
/// <param name="what">One of <see cref="AdministrationEvent"/>.</param>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class RecordReadAttribute(string what) : ResultFilterAttribute
{
    public override void OnResultExecuted(ResultExecutedContext context)
    {
        if (context.HttpContext.Response.StatusCode == StatusCodes.Status200OK)
        {
            var about = context.RouteData.Values["id"] as string ?? context.HttpContext.Request.Query["userId"];
            context.HttpContext.RequestServices.GetRequiredService<BoundedEvents>().RecordRead(
                context.HttpContext, what, int.TryParse(about, NumberStyles.None, CultureInfo.InvariantCulture, out var id) ? id : null);
        }
    }
}
