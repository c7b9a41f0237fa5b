namespace AuthApi.Hosting;

/// <summary>Reads lists from the configuration.</summary>
public static class ConfigurationLists
{
    /// <summary>The values of a list: several in a file, or one with commas, as an environment variable has it.</summary>
    public static IReadOnlyList<string> GetList(this IConfiguration configuration, string key)
    {
        var section = configuration.GetSection(key);
        return section.Get<string[]>() ?? section.Value?.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries) ?? [];
    }
}
