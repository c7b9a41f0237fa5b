namespace AuthApi.Startup;

/// <summary>The keys of a section that mean something; another one there is a mistake that would go unnoticed.</summary>
internal sealed record KnownKeys(string Section, IReadOnlyList<string> Names, IReadOnlyList<string> Durations)
{
    /// <summary>Reads the values that hold now, configured or not, by the names that have one.</summary>
    public Func<IServiceProvider, IReadOnlyDictionary<string, string>> Values { get; init; } = _ => new Dictionary<string, string>();

    /// <exception cref="ConfigurationException">A key in one of the sections means nothing, or a duration is a bare number.</exception>
    public static void Check(IEnumerable<KnownKeys> known, IConfiguration configuration)
    {
        foreach (var section in known.GroupBy(keys => keys.Section))
        {
            var names = section.SelectMany(keys => keys.Names).ToList();
            if (configuration.GetSection(section.Key).GetChildren().FirstOrDefault(child => !names.Contains(child.Key, StringComparer.OrdinalIgnoreCase)) is { } unknown)
            {
                throw new ConfigurationException(unknown.Path, $"is no setting. Under {section.Key} there are {string.Join(", ", names)}.");
            }

            // The binder would read it as days.
            if (section.SelectMany(keys => keys.Durations).Select(name => configuration.GetSection($"{section.Key}:{name}"))
                .FirstOrDefault(duration => int.TryParse(duration.Value, out _)) is { } bare)
            {
                throw new ConfigurationException(bare.Path, $"has '{bare.Value}', a number without a unit. Thirty seconds are 00:00:30, thirty minutes 00:30:00, thirty days 30.00:00:00.");
            }
        }
    }
}
