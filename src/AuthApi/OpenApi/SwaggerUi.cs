using AuthApi.Api;
using AuthApi.Security;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.OpenApi;

namespace AuthApi.OpenApi;

/// <summary>The configuration section <c>Swagger</c>.</summary>
public sealed class SwaggerOptions
{
    public const string Section = "Swagger";

    /// <summary>Whether Swagger UI and the document are served; the default is yes in Development and no elsewhere.</summary>
    public bool? Enabled { get; set; }
}

internal static partial class SwaggerUi
{
    private const string Script = "authapi.js";
    private const string Style = "authapi.css";

    // It may load the files beside it and call its own origin. The hash is of the one style that Swagger UI writes into its page: the colours of its logo. Another version may have
    // another one; a browser then shows its hash.
    private static readonly PageHeaders Headers = new(
        "default-src 'none'; script-src 'self'; style-src 'self' 'sha256-RL3ie0nH+Lzz2YNqQN83mnU0J1ot4QL7b99vMdIX99w='; img-src 'self' data:; "
        + "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
        "no-store");

    /// <summary>Serves the OpenAPI document and Swagger UI where they are on (ASVS 13.4.5).</summary>
    public static WebApplication UseOpenApi(this WebApplication app)
    {
        app.Lifetime.ApplicationStarted.Register(() => LogAddress(app));
        if (IsEnabled(app.Configuration, app.Environment))
        {
            // In a branch of their own, or each would look at every request's path.
            app.UseWhen(IsSwagger, branch =>
            {
                branch.Use((context, next) =>
                {
                    context.Features.Set(Headers);
                    return next(context);
                });

                // Where the contract has it; Swashbuckle would redirect.
                branch.Use((context, next) =>
                {
                    // Swashbuckle serves GET alone. The server sends no body to a HEAD, whatever is written.
                    if (HttpMethods.IsHead(context.Request.Method))
                    {
                        context.Request.Method = HttpMethods.Get;
                    }

                    if (context.Request.Path.Value is "/swagger/")
                    {
                        context.Request.Path = "/swagger/index.html";
                    }

                    return next(context);
                });
                branch.UseFile(Script, "text/javascript; charset=utf-8");
                branch.UseFile(Style, "text/css; charset=utf-8");
                branch.UseSwagger(options => options.OpenApiVersion = OpenApiSpecVersion.OpenApi3_0);
                branch.UseSwaggerUI(options =>
                {
                    options.DocumentTitle = "AuthApi";

                    // The script makes it relative to the page, which may be below a prefix. Swagger UI itself would look for index.html in the page's address.
                    options.SwaggerEndpoint($"/swagger/{ApiDocument.Name}/swagger.json", "AuthApi");
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

    // The server's addresses are known once it listens.
    private static void LogAddress(WebApplication app)
    {
        var logger = app.Services.GetRequiredService<ILoggerFactory>().CreateLogger(typeof(SwaggerUi).FullName!);
        if (!IsEnabled(app.Configuration, app.Environment))
        {
            Log.Off(logger);
        }
        else if (app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()?.Addresses.FirstOrDefault() is { } first)
        {
            // A browser cannot open an address that stands for all of this machine's.
            var address = BindingAddress.Parse(first);
            var host = address.Host is "*" or "+" or "[::]" or "0.0.0.0" ? "localhost" : address.Host;
            Log.On(logger, $"{address.Scheme}://{host}:{address.Port}/swagger/");
        }
    }

    public static bool IsEnabled(IConfiguration configuration, IHostEnvironment environment)
    {
        // The validation of the options reports another value.
        var isSet = bool.TryParse(configuration[$"{SwaggerOptions.Section}:{nameof(SwaggerOptions.Enabled)}"], out var enabled);
        return isSet ? enabled : environment.IsDevelopment();
    }

    // Written exactly so: /SWAGGER and /%73wagger would pass the rule of a proxy for /swagger.
    private static bool IsSwagger(HttpContext context) =>
        context.Request.Path.StartsWithSegments("/swagger", StringComparison.Ordinal) && PlainPath.IsSent(context);

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

    private static partial class Log
    {
        [LoggerMessage(1, LogLevel.Information, "Swagger UI is at {Address}")]
        public static partial void On(ILogger logger, string address);

        [LoggerMessage(2, LogLevel.Information, "Swagger UI is off; Swagger:Enabled turns it on.")]
        public static partial void Off(ILogger logger);
    }
}
