using Microsoft.AspNetCore.Mvc.ApiExplorer;
using Microsoft.AspNetCore.Mvc.Formatters;

namespace AuthApi.Api;

/// <summary>
/// Says in the OpenAPI document that a controller answers JSON. It does nothing else: there is no other format that could be chosen, and the
/// framework's <c>[Produces]</c>, which chooses it, is a filter around each answer.
/// </summary>
[AttributeUsage(AttributeTargets.Class)]
public sealed class ProducesJsonAttribute : Attribute, IApiResponseMetadataProvider
{
    public Type? Type => null;

    public int StatusCode => StatusCodes.Status200OK;

    public void SetContentTypes(MediaTypeCollection contentTypes)
    {
        contentTypes.Clear();
        contentTypes.Add("application/json");
    }
}
