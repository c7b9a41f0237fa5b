using AuthApi.Startup;

namespace AuthApi.Telemetry;

/// <summary>Registers how log lines know their request, so that a request about which there is nothing to say pays nothing for it.</summary>
internal static class RequestLogging
{
    private const string Hosting = "Microsoft.AspNetCore.Hosting.Diagnostics";

    /// <summary>Has <see cref="RequestScope"/> stand in for what <c>BeginScope</c> keeps, which then keeps nothing.</summary>
    public static void AddRequestScope(this IServiceCollection services)
    {
        services.AddHttpContextAccessor();
        services.AddSingleton<IExternalScopeProvider, RequestScope>();
        services.PostConfigure<LoggerFilterOptions>(options => options.CaptureScopes = false);
    }

    /// <summary>
    /// Has the host make no span for a request, unless it is asked to log requests, or traces are sent. It says at Information that a
    /// request begins and ends, and by that category nothing else once it has started; but it makes a span as soon as it might say anything at all.
    /// </summary>
    public static void DoWithoutRequestSpans(this IServiceCollection services) => services.AddOptions<LoggerFilterOptions>().PostConfigure<StartState>((options, state) =>
    {
        foreach (var (provider, level) in LevelsOf(Hosting, options))
        {
            if (level > LogLevel.Information)
            {
                options.Rules.Add(new LoggerFilterRule(provider, Hosting, logLevel: null, (_, _, line) => !state.HasStarted && line >= level));
            }
        }
    });

    // For each provider that has a level of its own, and for the others: by the longest category that matches, of several the last.
    private static List<(string? Provider, LogLevel Level)> LevelsOf(string category, LoggerFilterOptions options)
    {
        var levels = options.Rules
            .Where(rule => Matches(rule.CategoryName, category))
            .GroupBy(rule => rule.ProviderName)
            .Select(rules => (Provider: rules.Key, Level: rules.Reverse().MaxBy(rule => rule.CategoryName?.Length ?? 0)!.LogLevel ?? options.MinLevel))
            .ToList();
        return levels.Exists(level => level.Provider is null) ? levels : [.. levels, (null, options.MinLevel)];
    }

    // A rule's category is a start of names, or has one * for whatever stands there.
    private static bool Matches(string? rule, string category) => rule?.Split('*', 2) switch
    {
        null => true,
        [var start] => category.StartsWith(start, StringComparison.OrdinalIgnoreCase),
        [var start, var end] => category.StartsWith(start, StringComparison.OrdinalIgnoreCase) && category.EndsWith(end, StringComparison.OrdinalIgnoreCase),
        _ => false,
    };
}
