using System.Reflection;
using AuthApi.Hosting;
using Microsoft.OpenApi;

namespace AuthApi.Observability;

/// <summary>Registers what shows: the OpenAPI document and Swagger UI.</summary>
public static class ObservabilityServices
{
    /// <summary>The document's name, as in <c>/swagger/v1/swagger.json</c>.</summary>
    public const string DocumentName = "v1";

    /// <summary>The security scheme of the session cookie.</summary>
    internal const string CookieScheme = "sessionCookie";

    /// <summary>The security scheme of the session header.</summary>
    internal const string HeaderScheme = "sessionHeader";

    private const string Description = """
        Session-based authentication in which logging out really ends the session.

        **To sign in here with a cookie**: open *register*, then *login*, and press *Execute* in each. Your browser keeps the session
        cookie, so every call that follows is signed in, until *logout*. After it, the same cookie is refused wherever it is sent from.

        **To sign in with a header token**, as a phone does: execute *login* with `"transport": "header"`, copy `sessionToken` from the
        answer, press *Authorize* and paste it as *sessionHeader*. The header goes before the cookie where both come.

        Errors are `application/problem+json` (RFC 9457) with a `code` to switch on. No response may be cached. Outside Development any call
        over plain HTTP is 400 `https_required`, and one under a host name that is not served 400 `host_not_allowed`.
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
                Contact = new OpenApiContact { Name = "The AuthApi authors" },
                License = new OpenApiLicense { Name = "MIT" },
            });
            options.AddServer(new OpenApiServer { Url = "/", Description = "The server that this document comes from." });
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
}
