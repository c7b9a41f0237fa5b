using Microsoft.AspNetCore.Mvc;
using Microsoft.AspNetCore.Mvc.ModelBinding;

namespace AuthApi.Api;

/// <summary>
/// The 400 for a body or query that does not fit: the client's own field names, in JSON's spelling, and no name, type or
/// offset of ours.
/// </summary>
internal static class InvalidModelProblem
{
    private const string Unreadable = "This is not valid JSON here, or not a value this field takes.";

    public static IActionResult Create(ActionContext context)
    {
        var bodyParameters = context.ActionDescriptor.Parameters
            .Where(parameter => parameter.BindingInfo?.BindingSource == BindingSource.Body)
            .Select(parameter => parameter.Name)
            .ToHashSet(StringComparer.Ordinal);

        var errors = new Dictionary<string, string[]>(StringComparer.Ordinal);
        foreach (var (key, entry) in context.ModelState)
        {
            // The whole body: not JSON at all, or none. Its parameter is then reported missing too, by our name for it.
            if (entry.Errors.Count == 0 || key is "" or "$" || bodyParameters.Contains(key))
            {
                continue;
            }

            if (key.StartsWith("$.", StringComparison.Ordinal))
            {
                errors[key[2..]] = [Unreadable];
            }
            else
            {
                errors[key] = [.. entry.Errors.Select(error => error.ErrorMessage)];
            }
        }

        return errors.Count == 0
            ? new ProblemResult(ApiProblem.MalformedJson)
            : new ProblemResult(ApiProblem.ValidationFailed, errors);
    }
}
