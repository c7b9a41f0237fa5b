using System.CommandLine;
using System.Data.Common;
using AuthApi.Startup;

namespace AuthApi.Commands;

/// <summary>The commands <c>config …</c>.</summary>
internal static class ConfigCommands
{
    private const string Masked = "***";

    // Read by the framework, or by the program without options, and what holds where they are not configured.
    private static readonly Dictionary<string, string?> OtherKeys = new()
    {
        ["ConnectionStrings:Auth"] = "Data Source=data/auth.db",
        ["Urls"] = null,
        ["AllowedHosts"] = "*",
        ["PathBase"] = null,
    };
    private static readonly string[] OtherSections = ["ConnectionStrings", "Hsts", "Kestrel", "Logging"];

    private static readonly string[] Secrets = ["Password", "Secret", "Token", "ApiKey"];

    public static Command Create() => new("config", "See the configuration.")
    {
        new ProgramCommand("show", "Print every key, its value and where it comes from. Secrets are masked.", ShowAsync) { Example = "config show --json" },
    };

    private static async Task<int> ShowAsync(CommandCall call)
    {
        var configuration = (IConfigurationRoot)call.Services.GetRequiredService<IConfiguration>();
        var known = call.Services.GetServices<KnownKeys>().ToList();
        var values = known.Where(keys => !keys.Section.StartsWith("Kestrel", StringComparison.Ordinal))
            .SelectMany(keys => keys.Names.Zip(Enumerable.Repeat(keys.Values(call.Services), keys.Names.Count), (name, held) => (Key: $"{keys.Section}:{name}", Value: held.GetValueOrDefault(name))))
            .Concat(OtherKeys.Select(key => (key.Key, key.Value)))
            .GroupBy(key => key.Key, StringComparer.OrdinalIgnoreCase).ToDictionary(key => key.Key, key => key.First().Value, StringComparer.OrdinalIgnoreCase);
        var sections = known.Select(keys => keys.Section.Split(':')[0]).Concat(OtherSections).ToHashSet(StringComparer.OrdinalIgnoreCase);
        var configured = configuration.AsEnumerable().Where(pair => pair.Value is not null && sections.Contains(pair.Key.Split(':')[0])).Select(pair => pair.Key);
        var keys = configured.Concat(values.Keys).Distinct(StringComparer.OrdinalIgnoreCase).Order(StringComparer.OrdinalIgnoreCase).ToList();

        // A section is shown by what is below it.
        var items = keys.Where(key => !keys.Any(other => other.StartsWith($"{key}:", StringComparison.OrdinalIgnoreCase)))
            .Select(key => Show(configuration, key, values.GetValueOrDefault(key))).OfType<ConfigItem>().ToList();
        var width = items.Max(item => item.Key.Length);
        await call.PrintAsync(new { Items = items }, string.Join(Environment.NewLine, items.Select(item => $"{item.Key.PadRight(width)}  {item.Value ?? "(none)"}  [{item.Source}]")));
        return CommandExit.Done;
    }

    private static ConfigItem? Show(IConfigurationRoot configuration, string key, string? @default)
    {
        foreach (var provider in configuration.Providers.Reverse())
        {
            if (provider.TryGet(key, out var value) && value is not null && !CommandRun.IsOwn(key, value))
            {
                return new ConfigItem(key, Mask(key, value), SourceOf(provider));
            }
        }

        return CommandRun.IsOwn(key, configuration[key]) ? null : new ConfigItem(key, @default is null ? null : Mask(key, @default), "default");
    }

    private static string SourceOf(IConfigurationProvider provider) => provider switch
    {
        FileConfigurationProvider file => file.Source.Path ?? "file",
        Microsoft.Extensions.Configuration.CommandLine.CommandLineConfigurationProvider => "command line",
        Microsoft.Extensions.Configuration.EnvironmentVariables.EnvironmentVariablesConfigurationProvider => "environment",
        ChainedConfigurationProvider => "host",
        _ => provider.GetType().Name.Replace("ConfigurationProvider", "", StringComparison.Ordinal),
    };

    private static string Mask(string key, string value)
    {
        if (value.Length == 0)
        {
            return value;
        }

        if (key.StartsWith("ConnectionStrings:", StringComparison.OrdinalIgnoreCase))
        {
            try
            {
                var parts = new DbConnectionStringBuilder { ConnectionString = value };
                var secrets = parts.Keys.Cast<string>().Where(IsSecret).ToList();
                foreach (var secret in secrets)
                {
                    parts[secret] = Masked;
                }

                return secrets.Count == 0 ? value : parts.ConnectionString;
            }
            catch (ArgumentException)
            {
                return Masked;
            }
        }

        // A length, a limit or a rule is no secret.
        return IsSecret(key[(key.LastIndexOf(':') + 1)..]) ? Masked
            : Uri.TryCreate(value, UriKind.Absolute, out var uri) && uri.UserInfo.Length > 0 ? value.Replace(uri.UserInfo, Masked, StringComparison.Ordinal)
            : value;
    }

    private static bool IsSecret(string name) => Secrets.Any(secret => name.EndsWith(secret, StringComparison.OrdinalIgnoreCase)) || name.Equals("pwd", StringComparison.OrdinalIgnoreCase);

    private sealed record ConfigItem(string Key, string? Value, string Source);
}
