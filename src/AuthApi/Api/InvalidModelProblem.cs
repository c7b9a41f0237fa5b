using System.ComponentModel.DataAnnotations;
using System.Reflection;
using Microsoft.AspNetCore.Mvc;
using Microsoft.AspNetCore.Mvc.Controllers;
using Microsoft.AspNetCore.Mvc.ModelBinding;

namespace AuthApi.Api;

/// <summary>
/// The 400 for a body or query that does not fit: the client's own field names, in JSON's spelling, and no name, type or
/// offset of this program.
/// </summary>
internal static class InvalidModelProblem
{
    /// <summary>What model binding says of a value in the query that it cannot convert.</summary>
    public const string NotConvertible = "This is not a value that fits here.";

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
                errors[key[2..]] = [entry.Errors[0].Exception is InvalidValueException invalid ? invalid.Message : Unreadable];
            }
            else
            {
                // What cannot be converted is refused by the words of the parameter's own rule.
                errors[key] = [.. entry.Errors.Select(error => error.ErrorMessage == NotConvertible ? RuleOf(context, key) ?? NotConvertible : error.ErrorMessage)];
            }
        }

        return errors.Count == 0
            ? new ProblemResult(ApiProblem.MalformedJson)
            : new ProblemResult(ApiProblem.ValidationFailed, errors);
    }

    private static string? RuleOf(ActionContext context, string parameter) => context.ActionDescriptor.Parameters
        .OfType<ControllerParameterDescriptor>()
        .Where(candidate => candidate.Name == parameter)
        .SelectMany(candidate => candidate.ParameterInfo.GetCustomAttributes<ValidationAttribute>())
        .FirstOrDefault()?.ErrorMessage;
}
