using Microsoft.OpenApi;
using Swashbuckle.AspNetCore.SwaggerGen;

namespace AuthApi.OpenApi;

/// <summary>Documents every path with its trailing slash, which the framework drops from a route's template.</summary>
internal sealed class TrailingSlashFilter : IDocumentFilter
{
    public void Apply(OpenApiDocument swaggerDoc, DocumentFilterContext context)
    {
        var paths = new OpenApiPaths();
        foreach (var (path, item) in swaggerDoc.Paths)
        {
            paths.Add(path.EndsWith('/') ? path : path + "/", item);
        }

        swaggerDoc.Paths = paths;
    }
}
