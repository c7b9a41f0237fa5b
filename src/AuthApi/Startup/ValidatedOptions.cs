using System.ComponentModel.DataAnnotations;
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
    {
        var properties = typeof(TOptions).GetProperties().Where(property => !except.Contains(property.Name)).ToList();
        return services.AddSingleton(new KnownKeys(
            section,
            [.. properties.Select(property => property.Name)],
            [.. properties.Where(property => (Nullable.GetUnderlyingType(property.PropertyType) ?? property.PropertyType) == typeof(TimeSpan)).Select(property => property.Name)]));
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
