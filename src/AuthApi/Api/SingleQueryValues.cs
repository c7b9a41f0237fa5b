using Microsoft.AspNetCore.Mvc.Filters;
using Microsoft.AspNetCore.Mvc.ModelBinding;

namespace AuthApi.Api;

/// <summary>Refuses a query parameter that is given twice, of which model binding takes the first: two readers of one request could take different ones.</summary>
internal sealed class SingleQueryValues : IActionFilter, IOrderedFilter
{
    // Before ModelStateInvalidFilter, which answers what is recorded here, at -2000.
    public int Order => -3000;

    public void OnActionExecuting(ActionExecutingContext context)
    {
        foreach (var parameter in context.ActionDescriptor.Parameters)
        {
            if (parameter.BindingInfo?.BindingSource == BindingSource.Query && context.HttpContext.Request.Query[parameter.Name].Count > 1)
            {
                context.ModelState.TryAddModelError(parameter.Name, "This must have one value.");
            }
        }
    }

    public void OnActionExecuted(ActionExecutedContext context)
    {
    }
}
