using System.ComponentModel.DataAnnotations;
using System.Reflection;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using AuthApi.Api;
using Microsoft.OpenApi;

namespace AuthApi.OpenApi;

/// <summary>Examples of problems, from the same table as the answers.</summary>
internal static partial class ProblemExamples
{
    private const string TraceId = "00-c218a38e321435ec62cd821b72568ae4-1563825ee4191725-00";

    private static readonly Dictionary<string, ApiProblem> Problems = typeof(ApiProblem).GetFields(BindingFlags.Public | BindingFlags.Static)
        .Select(field => (ApiProblem)field.GetValue(null)!)
        .ToDictionary(problem => problem.Code, StringComparer.Ordinal);

    /// <summary>The codes of a description, which has them as <c>`code`: reason</c>.</summary>
    public static IEnumerable<string> CodesOf(string description) => Codes().Matches(description).Select(match => match.Groups[1].Value);

    /// <summary>Adds an example for each code that the description names; throws where the table has no such code.</summary>
    public static void AddTo(OpenApiMediaType content, int status, string description, MethodInfo action)
    {
        var examples = CodesOf(description).ToDictionary(code => code, code => Example(Problems[code] with { Status = status }, action), StringComparer.Ordinal);
        if (examples.Count == 1)
        {
            content.Example = examples.Values.Single();
        }
        else
        {
            content.Examples = examples.ToDictionary(example => example.Key, IOpenApiExample (example) => new OpenApiExample { Value = example.Value });
        }
    }

    private static JsonNode Example(ApiProblem problem, MethodInfo action)
    {
        var errors = problem.Code == ApiProblem.ValidationFailed.Code ? ErrorsOf(action) : null;
        return JsonSerializer.SerializeToNode(new ProblemResponse(problem.Title, problem.Status, problem.Code, TraceId, errors), JsonSerializerOptions.Web)!;
    }

    // The message of a parameter's rule, where one has a rule; for a body, the message of a required field.
    private static Dictionary<string, string[]> ErrorsOf(MethodInfo action)
    {
        var (field, error) = action.GetParameters()
            .SelectMany(parameter => parameter.GetCustomAttributes<ValidationAttribute>().Select(rule => (parameter.Name!, rule.ErrorMessage!)))
            .FirstOrDefault(action.GetParameters() is [{ ParameterType.IsValueType: true } first, ..] ? (first.Name!, InvalidModelProblem.NotConvertible) : ("password", "This is required."));
        return new() { [field] = [error] };
    }

    [GeneratedRegex("`([a-z_]+)`:")]
    private static partial Regex Codes();
}
