using System.Text.RegularExpressions;
using Microsoft.OpenApi;
using Swashbuckle.AspNetCore.SwaggerGen;

namespace AuthApi.OpenApi;

/// <summary>Makes one line of each description of a call or a schema: a comment in the source is broken where its lines are full.</summary>
internal sealed partial class DescriptionFilter : IDocumentFilter
{
    public void Apply(OpenApiDocument swaggerDoc, DocumentFilterContext context)
    {
        foreach (var operation in swaggerDoc.Paths.Values.SelectMany(path => path.Operations ?? []).Select(call => call.Value))
        {
            operation.Description = InOneLine(operation.Description);
            foreach (var described in Described(operation))
            {
                described.Description = InOneLine(described.Description);
            }
        }

        foreach (var schema in (swaggerDoc.Components?.Schemas ?? new Dictionary<string, IOpenApiSchema>()).Values)
        {
            foreach (var described in (schema.Properties ?? new Dictionary<string, IOpenApiSchema>()).Values.Append(schema).Where(one => one.Description is not null))
            {
                described.Description = InOneLine(described.Description);
            }
        }
    }

    private static IEnumerable<IOpenApiDescribedElement> Described(OpenApiOperation call)
    {
        List<IOpenApiDescribedElement?> all = [call.RequestBody, .. call.Parameters ?? []];
        return all.Concat((call.Responses ?? []).Select(answer => answer.Value)).OfType<IOpenApiDescribedElement>();
    }

    private static string? InOneLine(string? text) => text is null ? null : LineBreak().Replace(text, " ");

    [GeneratedRegex(@"\s*\n\s*")]
    private static partial Regex LineBreak();
}
