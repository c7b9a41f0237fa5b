using Microsoft.AspNetCore.Mvc;
using Microsoft.AspNetCore.Mvc.ApplicationModels;
using Microsoft.AspNetCore.Mvc.Infrastructure;
using Microsoft.AspNetCore.Mvc.ModelBinding;
using Microsoft.Extensions.Options;

namespace AuthApi.Api;

/// <summary>
/// Puts the framework's filters that refuse what a request brought, for its media type or for what it says, around the actions that take
/// something from it. By default they are around all.
/// </summary>
internal sealed class ModelFilters(ILoggerFactory loggers, IOptions<ApiBehaviorOptions> behavior) : IConfigureOptions<MvcOptions>
{
    public void Configure(MvcOptions options)
    {
        foreach (var filter in options.Filters.OfType<UnsupportedContentTypeFilter>().ToList())
        {
            options.Filters.Remove(filter);
        }

        options.Conventions.Add(new Convention(
            new UnsupportedContentTypeFilter(),
            new ModelStateInvalidFilter(behavior.Value, loggers.CreateLogger<ModelStateInvalidFilter>())));
    }

    private sealed class Convention(UnsupportedContentTypeFilter mediaType, ModelStateInvalidFilter model) : IActionModelConvention
    {
        public void Apply(ActionModel action)
        {
            if (action.Parameters.Count > 0)
            {
                action.Filters.Add(mediaType);
                action.Filters.Add(model);
            }
        }
    }
}
