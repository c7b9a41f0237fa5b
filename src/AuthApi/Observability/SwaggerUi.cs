using AuthApi.Security;
using Microsoft.OpenApi;

namespace AuthApi.Observability;

/// <summary>The configuration section <c>Swagger</c>.</summary>
public sealed class SwaggerOptions
{
    public const string Section = "Swagger";

    /// <summary>Whether Swagger UI and the document are served; in Development they are unless this says no.</summary>
    public bool? Enabled { get; set; }
}

internal static class SwaggerUi
{
    private const string Script = "authapi.js";
    private const string Style = "authapi.css";

    /// <summary>Serves the OpenAPI document and Swagger UI where they are meant to be (ASVS 13.4.5).</summary>
    public static WebApplication UseOpenApi(this WebApplication app)
    {
        // A value that is neither is reported when the options are validated.
        var isSet = bool.TryParse(app.Configuration[$"{SwaggerOptions.Section}:{nameof(SwaggerOptions.Enabled)}"], out var enabled);
        if (isSet ? enabled : app.Environment.IsDevelopment())
        {
            // In a branch of their own, or each would look at every request's path.
            app.UseWhen(context => context.Request.Path.StartsWithSegments("/swagger", StringComparison.OrdinalIgnoreCase), branch =>
            {
                branch.UsePageHeaders();
                branch.UseFile(Script, "text/javascript; charset=utf-8");
                branch.UseFile(Style, "text/css; charset=utf-8");
                branch.UseSwagger(options => options.OpenApiVersion = OpenApiSpecVersion.OpenApi3_0);
                branch.UseSwaggerUI(options =>
                {
                    options.DocumentTitle = "AuthApi";
                    options.SwaggerEndpoint($"/swagger/{ObservabilityServices.DocumentName}/swagger.json", "AuthApi");
                    options.DisplayRequestDuration();
                    options.DefaultModelsExpandDepth(0);
                    options.EnableTryItOutByDefault();

                    // A file of its own, as the page's policy does not let a text be run, which is how Swagger UI takes an interceptor.
                    options.InjectJavascript($"./{Script}");
                    options.InjectStylesheet($"./{Style}");
                });
            });
        }

        return app;
    }

    private static void UseFile(this IApplicationBuilder app, string name, string contentType)
    {
        using var reader = new StreamReader(typeof(SwaggerUi).Assembly.GetManifestResourceStream(name)!);
        var text = reader.ReadToEnd();
        app.Use((context, next) =>
        {
            if (context.Request.Path != $"/swagger/{name}")
            {
                return next(context);
            }

            context.Response.ContentType = contentType;
            return context.Response.WriteAsync(text);
        });
    }
}
