using System.ComponentModel.DataAnnotations;
using System.Reflection;
using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.OpenApi;
using Swashbuckle.AspNetCore.SwaggerGen;

namespace AuthApi.OpenApi;

/// <summary>
/// Marks the required properties of a request's body, which Swashbuckle takes to be all that cannot be null, and makes an
/// example from those of the properties: without it, Swagger UI fills every other property with "string", and such a request is rejected.
/// </summary>
internal sealed class RequestSchemaFilter : ISchemaFilter
{
    public void Apply(IOpenApiSchema schema, SchemaFilterContext context)
    {
        if (schema is not OpenApiSchema { Properties.Count: > 0 } target || context.Type?.Name.EndsWith("Request", StringComparison.Ordinal) != true)
        {
            return;
        }

        var properties = context.Type.GetProperties().ToDictionary(property => JsonNamingPolicy.CamelCase.ConvertName(property.Name), StringComparer.Ordinal);
        target.Required = properties
            .Where(property => property.Value.GetCustomAttribute<RequiredAttribute>() is not null)
            .Select(property => property.Key)
            .ToHashSet(StringComparer.Ordinal);

        var example = new JsonObject();
        foreach (var (name, property) in target.Properties)
        {
            if (property.Examples is [var value, ..])
            {
                example[name] = value.DeepClone();
            }
            else if (properties[name] is var choice && (Nullable.GetUnderlyingType(choice.PropertyType) ?? choice.PropertyType).IsEnum)
            {
                // It is a reference in the document, which has no place for an example: the value that holds when it is left out.
                example[name] = JsonNamingPolicy.CamelCase.ConvertName(choice.GetValue(Activator.CreateInstance(context.Type))!.ToString()!);
            }
            else if (target.Required.Contains(name))
            {
                // What an authenticator signs, which nobody can write by hand.
                example[name] = new JsonObject();
            }
        }

        target.Examples = [example];
    }
}
