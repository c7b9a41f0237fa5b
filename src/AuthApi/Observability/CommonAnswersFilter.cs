using System.Globalization;
using AuthApi.Http;
using Microsoft.AspNetCore.Authorization;
using Microsoft.OpenApi;
using Swashbuckle.AspNetCore.SwaggerGen;

namespace AuthApi.Observability;

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

        if (metadata.OfType<IAuthorizeData>().Any())
        {
            Add(ApiProblem.NotAuthenticated, "no session came, or a dead one; a session cookie that came is removed.");
            operation.Security =
            [
                new OpenApiSecurityRequirement { [new OpenApiSecuritySchemeReference(ObservabilityServices.CookieScheme, context.Document)] = [] },
                new OpenApiSecurityRequirement { [new OpenApiSecuritySchemeReference(ObservabilityServices.HeaderScheme, context.Document)] = [] },
            ];
        }

        if (operation.RequestBody is not null)
        {
            Add(ApiProblem.ValidationFailed, "a field is not valid (see `errors`). `malformed_json`: the body is not a JSON object.");
            Add(ApiProblem.PayloadTooLarge, "the body is larger than 16 KB.");
            Add(ApiProblem.UnsupportedMediaType, "the body is not `application/json`.");
        }
        else if (operation.Parameters is { Count: > 0 })
        {
            Add(ApiProblem.ValidationFailed, "a parameter is not valid (see `errors`).");
        }

        Add(ApiProblem.InternalError, "something went wrong on the server's side.");
        Add(ApiProblem.StoreUnavailable, "the store is out of reach; try again after `Retry-After` seconds.");

        operation.Responses ??= [];
        foreach (var (status, description) in answers)
        {
            operation.Responses[status.ToString(CultureInfo.InvariantCulture)] = new OpenApiResponse
            {
                Description = description,
                Content = new Dictionary<string, IOpenApiMediaType>
                {
                    ["application/problem+json"] = new OpenApiMediaType
                    {
                        Schema = context.SchemaGenerator.GenerateSchema(typeof(ProblemResponse), context.SchemaRepository),
                    },
                },
            };
        }

        void Add(ApiProblem problem, string when) => answers.TryAdd(problem.Status, $"`{problem.Code}`: {when}");
    }
}
