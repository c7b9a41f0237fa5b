using System.Globalization;
using AuthApi.Api;
using Microsoft.AspNetCore.Authorization;
using Microsoft.Net.Http.Headers;
using Microsoft.OpenApi;
using Swashbuckle.AspNetCore.SwaggerGen;

namespace AuthApi.OpenApi;

/// <summary>
/// Adds to every call what follows from its shape: the answers that any call, any call with a body and any call with a
/// session can give, and the session it needs.
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

        if (context.ApiDescription.HttpMethod != HttpMethods.Get)
        {
            Add(ApiProblem.CrossSiteRequest, "a page of an origin that is not allowed made the call.");
        }

        if (metadata.OfType<IAuthorizeData>().Any())
        {
            Add(ApiProblem.NotAuthenticated, "no session came, or a dead one. Only logging out removes the cookie.");
            Add(ApiProblem.AmbiguousSession, "two session cookies came with different values.");
            operation.Security =
            [
                new OpenApiSecurityRequirement { [new OpenApiSecuritySchemeReference(ApiDocument.CookieScheme, context.Document)] = [] },
                new OpenApiSecurityRequirement { [new OpenApiSecuritySchemeReference(ApiDocument.HeaderScheme, context.Document)] = [] },
            ];
        }

        if (operation.RequestBody is not null)
        {
            Add(ApiProblem.ValidationFailed, "a field is not valid (see `errors`). `malformed_json`: the body is not a JSON object.");
            Add(ApiProblem.PayloadTooLarge, "the body is larger than 16 KB.");
            Add(ApiProblem.UnsupportedMediaType, "the body is not `application/json`.");
        }
        else if (operation.Parameters?.Any(parameter => parameter.In == ParameterLocation.Query) == true)
        {
            Add(ApiProblem.ValidationFailed, "a parameter is not valid (see `errors`).");
        }

        Add(ApiProblem.TooManyRequests, "too many requests came at once from this user or this address; try again after `Retry-After` seconds.");
        Add(ApiProblem.InternalError, "something went wrong on the server's side.");
        Add(ApiProblem.StoreUnavailable, "the store is out of reach; try again after `Retry-After` seconds.");

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

        // One status may have several codes; what the action itself says comes first.
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
        StatusCodes.Status429TooManyRequests or StatusCodes.Status503ServiceUnavailable => Header(HeaderNames.RetryAfter, JsonSchemaType.Integer, "Seconds to wait before trying again."),
        _ => null,
    };

    private static Dictionary<string, IOpenApiHeader> Header(string name, JsonSchemaType type, string description) =>
        new() { [name] = new OpenApiHeader { Description = description, Schema = new OpenApiSchema { Type = type } } };
}
