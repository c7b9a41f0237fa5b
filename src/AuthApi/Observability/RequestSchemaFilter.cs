using System.ComponentModel.DataAnnotations;
using System.Reflection;
using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.OpenApi;
using Swashbuckle.AspNetCore.SwaggerGen;

namespace AuthApi.Observability;

/// <summary>
/// Says of the body of a request which properties it must have, where Swashbuckle takes every one that cannot be null for one, and makes
/// an example from those of its properties: without it, Swagger UI fills every other property with "string", and such a request is refused.
/// </summary>
internal sealed class RequestSchemaFilter : ISchemaFilter
{
    public void Apply(IOpenApiSchema schema, SchemaFilterContext context)
    {
        if (schema is not OpenApiSchema { Properties.Count: > 0 } target || context.Type?.Name.EndsWith("Request", StringComparison.Ordinal) != true)
        {
            return;
        }

        target.Required = context.Type.GetProperties()
            .Where(property => property.GetCustomAttribute<RequiredAttribute>() is not null)
            .Select(property => JsonNamingPolicy.CamelCase.ConvertName(property.Name))
            .ToHashSet(StringComparer.Ordinal);

        var example = new JsonObject();
        foreach (var (name, property) in target.Properties)
        {
            if (property.Examples is [var value, ..])
            {
                example[name] = value.DeepClone();
            }
        }

        target.Examples = [example];
    }
}
