using System.ComponentModel.DataAnnotations;
using System.Globalization;
using System.Reflection;
using Microsoft.Extensions.Options;

namespace AuthApi.Startup;

/// <summary>Binds a section of the configuration to its options, which are validated before the program starts.</summary>
public static class ValidatedOptions
{
    public static OptionsBuilder<TOptions> AddValidatedOptions<TOptions>(this IServiceCollection services, string section)
        where TOptions : class
    {
        services.AddSingleton<IValidateOptions<TOptions>, Validator<TOptions>>();
        services.AddKnownKeys<TOptions>(section);
        return services.AddOptions<TOptions>().BindConfiguration(section).ValidateOnStart();
    }

    /// <summary>Says that the properties of these options are keys of the section, for options that are not bound but read.</summary>
    /// <param name="services">The services.</param>
    /// <param name="section">The section.</param>
    /// <param name="except">Properties that are no keys.</param>
    public static IServiceCollection AddKnownKeys<TOptions>(this IServiceCollection services, string section, params string[] except)
        where TOptions : class
    {
        var properties = typeof(TOptions).GetProperties().Where(property => !except.Contains(property.Name)).ToList();
        return services.AddSingleton(new KnownKeys(
            section,
            [.. properties.Select(property => property.Name)],
            [.. properties.Where(property => (Nullable.GetUnderlyingType(property.PropertyType) ?? property.PropertyType) == typeof(TimeSpan)).Select(property => property.Name)])
        {
            Values = provider => ValuesOf<TOptions>(provider, properties),
        });
    }

    private static Dictionary<string, string> ValuesOf<TOptions>(IServiceProvider provider, List<PropertyInfo> properties)
        where TOptions : class
    {
        TOptions options;
        try
        {
            options = provider.GetRequiredService<IOptions<TOptions>>().Value;
        }
        catch (Exception exception) when (StartupErrors.Explain(exception) is not null || exception is MissingMethodException)
        {
            // What is configured is not valid, or is read in another way.
            return [];
        }

        return properties.Where(property => property.CanRead)
            .Select(property => (property.Name, Value: property.GetValue(options)))
            .Where(property => property.Value is IConvertible or TimeSpan or Enum)
            .ToDictionary(property => property.Name, property => Convert.ToString(property.Value, CultureInfo.InvariantCulture)!);
    }

    // The stock one wraps each message in the names of our classes; ours name the key and say what it must be.
    private sealed class Validator<TOptions> : IValidateOptions<TOptions>
        where TOptions : class
    {
        public ValidateOptionsResult Validate(string? name, TOptions options)
        {
            var results = new List<ValidationResult>();
            return Validator.TryValidateObject(options, new ValidationContext(options), results, validateAllProperties: true)
                ? ValidateOptionsResult.Success
                : ValidateOptionsResult.Fail(results.Select(result => result.ErrorMessage!));
        }
    }
}
