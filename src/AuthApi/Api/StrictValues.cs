using System.Text.RegularExpressions;
using Microsoft.AspNetCore.Mvc.ModelBinding;
using Microsoft.AspNetCore.Mvc.ModelBinding.Binders;

namespace AuthApi.Api;

/// <summary>
/// Takes numbers and times of a path or query in the forms of JSON and RFC 3339 only. .NET's converters also take <c>0x10</c> for 16, and <c>12:00</c> for noon of today where
/// the server stands: a caller who means something else would act on another account, or end other sessions.
/// </summary>
internal sealed partial class StrictValues : IModelBinderProvider
{
    private const string NotATime = "This must be a time with its offset, such as 2026-03-01T12:00:00Z.";

    public IModelBinder? GetBinder(ModelBinderProviderContext context)
    {
        var (form, error) = context.Metadata.UnderlyingOrModelType switch
        {
            var type when type == typeof(int) => (Number(), InvalidModelProblem.NotConvertible),
            var type when type == typeof(DateTimeOffset) => (Time(), NotATime),
            _ => default,
        };
        return form is null
            ? null
            : new Binder(new SimpleTypeModelBinder(context.Metadata.ModelType, context.Services.GetRequiredService<ILoggerFactory>()), form, error);
    }

    [GeneratedRegex(@"^-?[0-9]+\z")]
    private static partial Regex Number();

    [GeneratedRegex(@"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,7})?(Z|[+-][0-9]{2}:[0-9]{2})\z")]
    private static partial Regex Time();

    private sealed class Binder(IModelBinder inner, Regex form, string error) : IModelBinder
    {
        public Task BindModelAsync(ModelBindingContext bindingContext)
        {
            // An empty value is as if it were left out.
            var given = bindingContext.ValueProvider.GetValue(bindingContext.ModelName);
            if (given.FirstValue is not { Length: > 0 } text || form.IsMatch(text))
            {
                return inner.BindModelAsync(bindingContext);
            }

            bindingContext.ModelState.SetModelValue(bindingContext.ModelName, given);
            bindingContext.ModelState.TryAddModelError(bindingContext.ModelName, error);
            return Task.CompletedTask;
        }
    }
}
