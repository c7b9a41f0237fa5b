using Microsoft.Extensions.Hosting.Systemd;
using Microsoft.Extensions.Logging.Console;

namespace AuthApi.Startup;

/// <summary>Registers the server's limits, the console log, and the notification of the service manager.</summary>
public static class StartupServices
{
    private const string ConsoleSection = "Logging:Console";

    public static IServiceCollection AddStartup(this IServiceCollection services)
    {
        services.AddServiceManager();
        services.AddServerLimits();
        services.AddConnectionDrain();
        services.AddConsoleFormat();
        return services;
    }

    // Notifies the service manager of the start and the stop (sd_notify(3)). AddSystemd would do it only where it sees that systemd is its
    // parent, which it cannot in a unit that hides other processes.
    private static void AddServiceManager(this IServiceCollection services)
    {
        if (Environment.GetEnvironmentVariable("NOTIFY_SOCKET") is { Length: > 0 })
        {
            services.AddSingleton<ISystemdNotifier, SystemdNotifier>();
            services.AddSingleton<IHostLifetime, SystemdLifetime>();
        }
    }

    // Outside Development the reader is a program: one JSON object a line, whatever a client has put into a name. What is configured wins.
    private static void AddConsoleFormat(this IServiceCollection services)
    {
        services.AddOptions<ConsoleLoggerOptions>().Configure<IConfiguration, IHostEnvironment>((options, configuration, environment) =>
        {
            var section = configuration.GetSection(ConsoleSection);
            options.FormatterName = section[nameof(options.FormatterName)]
                ?? (environment.IsDevelopment() ? ConsoleFormatterNames.Simple : ConsoleFormatterNames.Json);

            // By default a request waits for a reader of the log that has stopped. A line says how many were dropped.
            options.QueueFullMode = section.GetValue(nameof(options.QueueFullMode), ConsoleLoggerQueueFullMode.DropWrite);
        });
        services.AddOptions<JsonConsoleFormatterOptions>().Configure<IConfiguration>((options, configuration) =>
        {
            var section = configuration.GetSection($"{ConsoleSection}:FormatterOptions");
            options.IncludeScopes = section.GetValue(nameof(options.IncludeScopes), true);
            options.UseUtcTimestamp = section.GetValue(nameof(options.UseUtcTimestamp), true);
            options.TimestampFormat ??= options.UseUtcTimestamp ? "yyyy-MM-ddTHH:mm:ss.fffZ" : "yyyy-MM-ddTHH:mm:ss.fffzzz";
        });
    }
}
