using System.Reflection;
using Microsoft.AspNetCore.Http.Metadata;
using Microsoft.AspNetCore.Mvc.ApiExplorer;
using Microsoft.OpenApi;

namespace AuthApi.OpenApi;

/// <summary>The OpenAPI document: what is said of the API as a whole, and the filters that say the rest.</summary>
internal static class ApiDocument
{
    /// <summary>The document's name, as in <c>/swagger/v1/swagger.json</c>.</summary>
    public const string Name = "v1";

    /// <summary>The security scheme of the session cookie.</summary>
    public const string CookieScheme = "sessionCookie";

    /// <summary>The security scheme of the session header.</summary>
    public const string HeaderScheme = "sessionHeader";

    /// <summary>The order of the rooms on the page; one that is not named here comes after them.</summary>
    private static readonly string[] Rooms = ["Accounts", "Sessions"];

    private const string Description = """
        Session-based authentication in which logging out really ends the session.

        ### Sign in with a cookie, as a browser does

        1. Open `POST /register/` and press *Execute*; then the same in `POST /login/`. The examples work as they stand.
        2. Your browser now keeps the session cookie and sends it with every call here.
        3. Press *Execute* in `POST /logout/`. From then on the cookie is refused, and so is every copy of it.

        ### Sign in with a header token, as a phone does

        1. In `POST /login/`, write `"transport": "header"`, press *Execute*, and copy `sessionToken` from the answer.
        2. Press *Authorize* and paste it. Every call here now sends it; where a cookie comes too, the header alone counts.
        3. Press *Execute* in `POST /logout/`. The token is refused from then on.

        ### When something is wrong

        Every error is `application/problem+json` (RFC 9457) with a `code` to switch on; a call lists those it can answer. Beside them, any call
        is 400 `https_required` over plain HTTP (outside Development), and 400 `host_not_allowed` under a host name that is not served.
        """;

    public static void AddApiDocument(this IServiceCollection services) =>
        services.AddSwaggerGen(options =>
        {
            options.SwaggerDoc(Name, new OpenApiInfo
            {
                Title = "AuthApi",
                Version = Name,
                Description = Description,
                Contact = new OpenApiContact { Name = "The AuthApi authors" },
                License = new OpenApiLicense { Name = "MIT" },
            });
            options.AddServer(new OpenApiServer { Url = "/", Description = "The server that this document comes from." });
            options.AddSecurityDefinition(HeaderScheme, new OpenApiSecurityScheme
            {
                Type = SecuritySchemeType.ApiKey,
                In = ParameterLocation.Header,
                Name = "Authorization",
                Description = "`Authorization: Session TOKEN`, with the `sessionToken` that `POST /login/` answers to `\"transport\": \"header\"`. On this page, paste the token alone.",
            });
            options.AddSecurityDefinition(CookieScheme, new OpenApiSecurityScheme
            {
                Type = SecuritySchemeType.ApiKey,
                In = ParameterLocation.Cookie,
                Name = "__Host-session",
                Description = "The cookie that `POST /login/` sets; a browser keeps and sends it by itself, so there is nothing to fill in. Over plain HTTP, in Development only, its name is `session`.",
            });
            options.IncludeXmlComments(Assembly.GetExecutingAssembly(), includeControllerXmlComments: true);
            options.SupportNonNullableReferenceTypes();
            options.NonNullableReferenceTypesAsRequired();
            options.OrderActionsBy(PlaceOf);

            // It is served wherever GET is, and would double the document.
            options.DocInclusionPredicate((_, call) => call.HttpMethod != HttpMethods.Head);
            options.OperationFilter<CommonAnswersFilter>();
            options.ParameterFilter<AllowedValuesFilter>();
            options.SchemaFilter<RequestSchemaFilter>();
            options.DocumentFilter<TrailingSlashFilter>();
            options.DocumentFilter<SharedAnswersFilter>();
        });

    // By room; in a room as they stand in the source, but for what the API is there for.
    private static string PlaceOf(ApiDescription call)
    {
        var room = Array.IndexOf(Rooms, call.ActionDescriptor.EndpointMetadata.OfType<ITagsMetadata>().Single().Tags[0]);
        return $"{(room < 0 ? Rooms.Length : room)} {(call.RelativePath == "logout" ? 0 : 1)}";
    }
}
