using System.Text.Json.Nodes;
using AuthApi.Api;
using Microsoft.OpenApi;
using Swashbuckle.AspNetCore.SwaggerGen;

namespace AuthApi.OpenApi;

/// <summary>Names to Kiota the field that is the message of the exception its clients throw; without it they say only which class was thrown.</summary>
internal sealed class ErrorMessageFilter : ISchemaFilter
{
    public void Apply(IOpenApiSchema schema, SchemaFilterContext context)
    {
        if (context.Type == typeof(ProblemResponse) && schema.Properties?["title"] is OpenApiSchema title)
        {
            title.Extensions ??= new Dictionary<string, IOpenApiExtension>(StringComparer.Ordinal);
            title.Extensions["x-ms-primary-error-message"] = new JsonNodeExtension(JsonValue.Create(true));
        }
    }
}
