using System.Reflection;
using AuthApi.Hosting;
using Microsoft.OpenApi;

namespace AuthApi.Observability;

/// <summary>The configuration section <c>Swagger</c>.</summary>
public sealed class SwaggerOptions
{
    public const string Section = "Swagger";

    /// <summary>Whether Swagger UI and the document are served; in Development they are unless this says no.</summary>
    public bool? Enabled { get; set; }
}

/// <summary>Registers what shows: the OpenAPI document and Swagger UI.</summary>
public static class ObservabilityServices
{
    /// <summary>The document's name, as in <c>/swagger/v1/swagger.json</c>.</summary>
    public const string DocumentName = "v1";

    /// <summary>The security scheme of the session cookie.</summary>
    internal const string CookieScheme = "sessionCookie";

    /// <summary>The security scheme of the session header.</summary>
    internal const string HeaderScheme = "sessionHeader";

    // Who authorizes in Swagger UI pastes a token; the scheme's name before it is ours to add.
    private const string AddSchemeName = """
        (request) => {
          const token = request.headers.Authorization;
          if (token && !/^session /i.test(token)) { request.headers.Authorization = 'Session ' + token.trim(); }
          return request;
        }
        """;

    private const string Description = """
        Session-based authentication in which logging out really ends the session.

        **To sign in here with a cookie**: open *register*, then *login*, and press *Execute* in each. Your browser keeps the session
        cookie, so every call that follows is signed in, until *logout*. After it, the same cookie is refused wherever it is sent from.

        **To sign in with a header token**, as a phone does: execute *login* with `"transport": "header"`, copy `sessionToken` from the
        answer, press *Authorize* and paste it as *sessionHeader*. The header goes before the cookie where both come.

        Errors are `application/problem+json` (RFC 9457) with a `code` to switch on. No response may be cached.
        """;

    public static IServiceCollection AddObservability(this IServiceCollection services)
    {
        services.AddValidatedOptions<SwaggerOptions>(SwaggerOptions.Section);
        services.AddSwaggerGen(options =>
        {
            options.SwaggerDoc(DocumentName, new OpenApiInfo
            {
                Title = "AuthApi",
                Version = DocumentName,
                Description = Description,
                License = new OpenApiLicense { Name = "MIT" },
            });
            options.AddSecurityDefinition(CookieScheme, new OpenApiSecurityScheme
            {
                Type = SecuritySchemeType.ApiKey,
                In = ParameterLocation.Cookie,
                Name = "__Host-session",
                Description = "The session cookie that *login* sets. Over plain HTTP, in Development only, its name is `session`.",
            });
            options.AddSecurityDefinition(HeaderScheme, new OpenApiSecurityScheme
            {
                Type = SecuritySchemeType.ApiKey,
                In = ParameterLocation.Header,
                Name = "Authorization",
                Description = "`Authorization: Session TOKEN`, with the `sessionToken` that *login* answers to `\"transport\": \"header\"`. Here, paste the token alone.",
            });
            options.IncludeXmlComments(Assembly.GetExecutingAssembly(), includeControllerXmlComments: true);
            options.SupportNonNullableReferenceTypes();
            options.NonNullableReferenceTypesAsRequired();
            options.OperationFilter<CommonAnswersFilter>();
            options.ParameterFilter<AllowedValuesFilter>();
            options.SchemaFilter<RequestSchemaFilter>();
            options.DocumentFilter<TrailingSlashFilter>();
        });
        return services;
    }

    public static WebApplication UseOpenApi(this WebApplication app)
    {
        // A value that is neither is reported when the options are validated.
        var isSet = bool.TryParse(app.Configuration[$"{SwaggerOptions.Section}:{nameof(SwaggerOptions.Enabled)}"], out var enabled);
        if (isSet ? enabled : app.Environment.IsDevelopment())
        {
            // In a branch of their own, or each would look at every request's path.
            app.UseWhen(context => context.Request.Path.StartsWithSegments("/swagger", StringComparison.OrdinalIgnoreCase), branch =>
            {
                branch.UseSwagger(options => options.OpenApiVersion = OpenApiSpecVersion.OpenApi3_0);
                branch.UseSwaggerUI(options =>
                {
                    options.DocumentTitle = "AuthApi";
                    options.SwaggerEndpoint($"/swagger/{DocumentName}/swagger.json", "AuthApi");
                    options.DisplayOperationId();
                    options.DisplayRequestDuration();
                    options.EnableTryItOutByDefault();
                    options.UseRequestInterceptor(AddSchemeName.ReplaceLineEndings(" "));
                });
            });
        }

        return app;
    }
}
