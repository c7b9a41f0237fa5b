namespace AuthApi.Startup;

/// <summary>The keys of a section that mean something; another one there is a mistake that would go unnoticed.</summary>
internal sealed record KnownKeys(string Section, IReadOnlyList<string> Names)
{
    /// <exception cref="ConfigurationException">A key in one of the sections means nothing.</exception>
    public static void Check(IEnumerable<KnownKeys> known, IConfiguration configuration)
    {
        foreach (var section in known.GroupBy(keys => keys.Section))
        {
            var names = section.SelectMany(keys => keys.Names).ToList();
            if (configuration.GetSection(section.Key).GetChildren().FirstOrDefault(child => !names.Contains(child.Key, StringComparer.OrdinalIgnoreCase)) is { } unknown)
            {
                throw new ConfigurationException(unknown.Path, $"is no setting. Under {section.Key} there are {string.Join(", ", names)}.");
            }
        }
    }
}
