using System.Reflection;
using AuthApi.Sessions;
using Microsoft.AspNetCore.Http.Metadata;
using Microsoft.AspNetCore.Mvc.ApiExplorer;
using Microsoft.OpenApi;

namespace AuthApi.OpenApi;

/// <summary>The OpenAPI document: its general text, and the filters that add the rest.</summary>
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

    /// <summary>The last one, which most readers have no use for.</summary>
    private const string LastRoom = "Administration";

    /// <summary>The order of the calls that a reader needs first; the others of the room come after them, as they stand in the source.</summary>
    private static readonly string[] FirstCalls = ["register", "login", "me", "logout"];

    private const string Description = """
        Session-based authentication with a logout that is final.

        ### Sign in with a cookie, as a browser does

        1. Press *Execute* in `POST /register/`, then in `POST /login/`. The examples work as they are. If the account of the example is there
           already, `POST /register/` answers 409 `email_taken`: go on with `POST /login/`.
        2. The browser keeps the session cookie and sends it with every call.
        3. Press *Execute* in `POST /logout/`. From then on the cookie is rejected, and so is every copy of it.

        ### Sign in with a header token, as a phone does

        1. In `POST /login/`, write `"transport": "header"` and press *Execute*. The answer has the `sessionToken`.
        2. Send it as `Authorization: Session TOKEN`. This page does so by itself, also with the new token of `POST /reauthenticate/`; under
           *Authorize* you can paste another. With a header, a cookie does not count.
        3. Press *Execute* in `POST /logout/`. The token is rejected from then on. (*Forget* under *Authorize* ends nothing: it only makes this
           page stop sending the token.)

        ### Errors

        Every error is `application/problem+json` (RFC 9457) with a `code` to switch on, and each call lists its own. Any call can also answer
        400 `https_required` over plain HTTP (outside Development), 400 `host_not_allowed` under a host name that is not served, 400 `bad_request`,
        405 `method_not_allowed`, 431 `headers_too_large` and 503 `service_unavailable`.

        Times are RFC 3339 in UTC, as `2026-03-01T12:00:00.000Z`. In a request, `null` for an optional field is as if it were left out, enum
        values are read in any case, and unknown fields are ignored. Answers may get more fields: ignore those you do not know.
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
            });

            // Relative to the document, so that it holds below any path prefix.
            options.AddServer(new OpenApiServer { Url = "../..", Description = "The server that this document comes from." });
            options.AddSecurityDefinition(HeaderScheme, new OpenApiSecurityScheme
            {
                Type = SecuritySchemeType.ApiKey,
                In = ParameterLocation.Header,
                Name = "Authorization",
                Description = "`Authorization: Session TOKEN`, with the `sessionToken` of `POST /login/` with `\"transport\": \"header\"`. On this page, paste the token alone.",
            });
            options.AddSecurityDefinition(CookieScheme, new OpenApiSecurityScheme
            {
                Type = SecuritySchemeType.ApiKey,
                In = ParameterLocation.Cookie,
                Name = "__Host-session",
                Description = "The cookie that `POST /login/` sets. A browser keeps and sends it by itself: there is nothing to fill in here. Over plain HTTP, in Development only, its name is `session`. `Sessions:CookieName` sets another name.",
            });
            options.IncludeXmlComments(Assembly.GetExecutingAssembly(), includeControllerXmlComments: true);
            options.IncludeXmlComments(typeof(UserSession).Assembly, includeControllerXmlComments: true);
            options.SupportNonNullableReferenceTypes();
            options.NonNullableReferenceTypesAsRequired();
            options.OrderActionsBy(PlaceOf);

            // It is served wherever GET is, and would double the document.
            options.DocInclusionPredicate((_, call) => call.HttpMethod != HttpMethods.Head);
            options.OperationFilter<CommonAnswersFilter>();
            options.ParameterFilter<AllowedValuesFilter>();
            options.SchemaFilter<RequestSchemaFilter>();
            options.SchemaFilter<ErrorMessageFilter>();
            options.SchemaFilter<ServerRulesFilter>();
            options.ParameterFilter<ServerRulesFilter>();
            options.RequestBodyFilter<ServerRulesFilter>();
            options.DocumentFilter<TrailingSlashFilter>();
            options.DocumentFilter<DescriptionFilter>();
            options.DocumentFilter<SharedAnswersFilter>();
        });

    private static string PlaceOf(ApiDescription call)
    {
        var tag = call.ActionDescriptor.EndpointMetadata.OfType<ITagsMetadata>().Single().Tags[0];
        var room = tag == LastRoom ? Rooms.Length + 1 : Array.IndexOf(Rooms, tag);
        var first = Array.IndexOf(FirstCalls, call.RelativePath);
        return $"{(room < 0 ? Rooms.Length : room)} {(first < 0 ? FirstCalls.Length : first)}";
    }
}
