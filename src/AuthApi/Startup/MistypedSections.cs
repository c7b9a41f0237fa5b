namespace AuthApi.Startup;

/// <summary>
/// Finds sections whose name is nearly one that means something: their settings would be ignored in silence. Other sections pass, as environment
/// variables of other programs are among the keys (<c>OTHER__KEY</c>).
/// </summary>
internal static class MistypedSections
{
    // Not options of this program, or read by the framework.
    private static readonly string[] Others = ["ConnectionStrings", "Hsts", "Kestrel", "Logging"];

    // What other programs call it.
    private static readonly Dictionary<string, string> Synonyms = new(StringComparer.OrdinalIgnoreCase)
    {
        ["RateLimits"] = "RateLimiting",
        ["RateLimiter"] = "RateLimiting",
        ["ForwardedHeader"] = "ForwardedHeaders",
        ["KnownProxies"] = "ForwardedHeaders",
        ["SwaggerUI"] = "Swagger",
        ["Smtp"] = "Email",
    };

    /// <exception cref="ConfigurationException">A section is nearly a known one.</exception>
    public static void Check(IEnumerable<KnownKeys> known, IConfiguration configuration)
    {
        var names = known.Select(keys => keys.Section.Split(':')[0]).Concat(Others).Distinct(StringComparer.OrdinalIgnoreCase).ToList();
        foreach (var section in configuration.GetChildren().Where(section => section.GetChildren().Any()))
        {
            if (!names.Contains(section.Key, StringComparer.OrdinalIgnoreCase) && Meant(section.Key, names) is { } meant)
            {
                throw new ConfigurationException(section.Key, $"is no section; {meant} is.");
            }
        }
    }

    private static string? Meant(string name, List<string> names) => Synonyms.TryGetValue(name, out var meant)
        ? meant
        : names.FirstOrDefault(candidate => IsBeginningOf(candidate, name) || Distance(name.ToUpperInvariant(), candidate.ToUpperInvariant()) <= (candidate.Length <= 5 ? 1 : 2));

    // RateLimit for RateLimiting; not Data for Database.
    private static bool IsBeginningOf(string candidate, string name) =>
        candidate.StartsWith(name, StringComparison.OrdinalIgnoreCase) && name.Length * 3 > candidate.Length * 2;

    // Levenshtein's: how many characters to insert, delete or replace.
    private static int Distance(string left, string right)
    {
        int[] row = [.. Enumerable.Range(0, right.Length + 1)];
        for (var i = 1; i <= left.Length; i++)
        {
            var diagonal = row[0];
            row[0] = i;
            for (var j = 1; j <= right.Length; j++)
            {
                (diagonal, row[j]) = (row[j], Math.Min(Math.Min(row[j], row[j - 1]) + 1, diagonal + (left[i - 1] == right[j - 1] ? 0 : 1)));
            }
        }

        return row[^1];
    }
}
