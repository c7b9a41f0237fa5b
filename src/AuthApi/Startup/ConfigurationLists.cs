namespace AuthApi.Startup;

/// <summary>Reads lists from the configuration.</summary>
public static class ConfigurationLists
{
    /// <summary>The values of a list: several in a file, or one text with separators, as an environment variable has it.</summary>
    /// <exception cref="ConfigurationException">It is both, of which one was probably forgotten.</exception>
    public static IReadOnlyList<string> GetList(this IConfiguration configuration, string key, char separator = ',')
    {
        var section = configuration.GetSection(key);
        var several = section.Get<string[]>() ?? [];
        var one = section.Value?.Split(separator, StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries) ?? [];
        return several.Length > 0 && one.Length > 0
            ? throw new ConfigurationException(key, $"is set twice, as a list ({string.Join(", ", several)}) and as one text ({section.Value}).")
            : [.. several, .. one];
    }
}
