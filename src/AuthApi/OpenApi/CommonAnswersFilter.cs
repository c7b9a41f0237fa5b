using System.Globalization;
using AuthApi.Api;
using AuthApi.Sessions;
using Microsoft.AspNetCore.Authorization;
using Microsoft.Net.Http.Headers;
using Microsoft.OpenApi;
using Swashbuckle.AspNetCore.SwaggerGen;

namespace AuthApi.OpenApi;

/// <summary>
/// Adds to every call what follows from its shape: the problems of any call, of any call with a body and of any call with a
/// session, and the session it needs.
/// </summary>
internal sealed class CommonAnswersFilter : IOperationFilter
{
    public void Apply(OpenApiOperation operation, OperationFilterContext context)
    {
        var metadata = context.ApiDescription.ActionDescriptor.EndpointMetadata;
        var answers = new SortedDictionary<int, string>();
        foreach (var problem in metadata.OfType<ProducesProblemAttribute>())
        {
            answers.Add(problem.StatusCode, problem.Description);
        }

        foreach (var problem in metadata.OfType<ProducesSessionProblemAttribute>())
        {
            answers.Add(problem.StatusCode, problem.Description);
        }

        if (context.ApiDescription.HttpMethod != HttpMethods.Get)
        {
            Add(ApiProblem.CrossSiteRequest, "the call comes from a page of an origin that is not allowed.");
        }

        if (metadata.OfType<IAuthorizeData>().Any())
        {
            Add(ApiProblem.NotAuthenticated, "the request has no session, or one that has ended. Only logging out removes the cookie.");
            Add(ApiProblem.AmbiguousSession, "the request has two session cookies with different values.");
            if (!metadata.OfType<AllowRecoverySessionAttribute>().Any())
            {
                Add(ApiProblem.RecoverySession, "the session was started by `POST /recovery/`, and may not make this call.");
            }

            operation.Security =
            [
                // The header first: tools that take only the first (an import into Postman) would send the cookie as a header of its name.
                new OpenApiSecurityRequirement { [new OpenApiSecuritySchemeReference(ApiDocument.HeaderScheme, context.Document)] = [] },
                new OpenApiSecurityRequirement { [new OpenApiSecuritySchemeReference(ApiDocument.CookieScheme, context.Document)] = [] },
            ];
        }

        if (operation.RequestBody is not null)
        {
            Add(ApiProblem.ValidationFailed, "a field is not valid (see `errors`). `malformed_json`: the body is not a JSON object.");
            Add(ApiProblem.PayloadTooLarge, "the body is larger than 16 KB.");
            Add(ApiProblem.UnsupportedMediaType, "there is no body, or it is not `application/json`.");
        }
        else if (operation.Parameters is [_, ..])
        {
            Add(ApiProblem.ValidationFailed, "a parameter is not valid (see `errors`).");
        }

        Add(ApiProblem.TooManyRequests, "too many requests from this user or this address. Try again after `Retry-After` seconds.");
        Add(ApiProblem.InternalError, "the server failed. Nothing was reported as done.");
        Add(ApiProblem.StoreUnavailable, "the store is out of reach.");
        Add(ApiProblem.ServerBusy, "too many requests are under way. Try again after `Retry-After` seconds.");

        operation.Responses ??= [];
        foreach (var (status, description) in answers)
        {
            var content = new OpenApiMediaType { Schema = context.SchemaGenerator.GenerateSchema(typeof(ProblemResponse), context.SchemaRepository) };
            ProblemExamples.AddTo(content, status, description, context.MethodInfo);
            operation.Responses[status.ToString(CultureInfo.InvariantCulture)] = new OpenApiResponse
            {
                Description = description,
                Headers = HeadersOf(status),
                Content = new Dictionary<string, IOpenApiMediaType> { [SharedAnswersFilter.ProblemContent] = content },
            };
        }

        // A status may have several codes; the action's own come first.
        void Add(ApiProblem problem, string when)
        {
            var said = answers.GetValueOrDefault(problem.Status, "");
            if (!said.Contains($"`{problem.Code}`", StringComparison.Ordinal))
            {
                answers[problem.Status] = $"{said} `{problem.Code}`: {when}".TrimStart();
            }
        }
    }

    private static Dictionary<string, IOpenApiHeader>? HeadersOf(int status) => status switch
    {
        StatusCodes.Status401Unauthorized => Header(HeaderNames.WWWAuthenticate, JsonSchemaType.String, "`Session realm=\"AuthApi\"`."),
        StatusCodes.Status429TooManyRequests or StatusCodes.Status503ServiceUnavailable => Header(HeaderNames.RetryAfter, JsonSchemaType.Integer, "Seconds to wait before the next try."),
        _ => null,
    };

    private static Dictionary<string, IOpenApiHeader> Header(string name, JsonSchemaType type, string description) =>
        new() { [name] = new OpenApiHeader { Description = description, Schema = new OpenApiSchema { Type = type } } };
}
