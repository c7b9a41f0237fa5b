using Microsoft.OpenApi;
using Swashbuckle.AspNetCore.SwaggerGen;

namespace AuthApi.OpenApi;

/// <summary>
/// Describes what the server does where Swashbuckle's defaults describe something else: a body is required, a pattern is matched by the whole
/// value, and a field that is not known is ignored in a request and may come with a later version in an answer.
/// </summary>
internal sealed class ServerRulesFilter : ISchemaFilter, IParameterFilter, IRequestBodyFilter
{
    public void Apply(IOpenApiSchema schema, SchemaFilterContext context)
    {
        if (schema is OpenApiSchema target)
        {
            target.AdditionalPropertiesAllowed = true;
            target.Pattern = Anchored(target.Pattern);
        }
    }

    public void Apply(IOpenApiParameter parameter, ParameterFilterContext context)
    {
        if (parameter.Schema is OpenApiSchema schema)
        {
            schema.Pattern = Anchored(schema.Pattern);
        }
    }

    public void Apply(IOpenApiRequestBody requestBody, RequestBodyFilterContext context)
    {
        if (requestBody is OpenApiRequestBody target)
        {
            target.Required = true;
        }
    }

    // RegularExpressionAttribute looks at the whole value, a pattern in JSON Schema at any part of it.
    private static string? Anchored(string? pattern) =>
        pattern is null || (pattern.StartsWith('^') && pattern.EndsWith('$')) ? pattern : $"^(?:{pattern})$";
}
