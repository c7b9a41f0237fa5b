using Microsoft.Extensions.Hosting.Systemd;
using Microsoft.Extensions.Logging.Console;

namespace AuthApi.Startup;

/// <summary>Registers how the program tells of itself to whoever runs it.</summary>
public static class StartupServices
{
    private const string ConsoleSection = "Logging:Console";

    public static IServiceCollection AddStartup(this IServiceCollection services)
    {
        services.AddServiceManager();
        services.AddServerLimits();
        services.AddConsoleFormat();
        services.AddHostedService<RunReport>();
        services.AddQuietStart();
        return services;
    }

    /// <summary>Has <paramref name="action"/> done once, when the program has started; in the order in which this is called.</summary>
    public static IServiceCollection AddOnStarted(this IServiceCollection services, Action<IServiceProvider> action) =>
        services.AddSingleton<IHostedService>(provider => new OnStarted(() => action(provider)));

    // What stops the start is said once, by StartupErrors; the host would say it too, with a stack trace.
    private static void AddQuietStart(this IServiceCollection services)
    {
        var state = new StartState();
        services.AddSingleton(state);
        services.Configure<LoggerFilterOptions>(options =>
            options.AddFilter("Microsoft.Extensions.Hosting.Internal.Host", level => state.HasStarted && level >= LogLevel.Information));
    }

    // Says that it is ready and that it stops to whoever started it and wants to hear of it, as sd_notify(3) has it. AddSystemd would do it
    // only where it can see that systemd is its parent, which it cannot in a unit that hides other processes.
    private static void AddServiceManager(this IServiceCollection services)
    {
        if (Environment.GetEnvironmentVariable("NOTIFY_SOCKET") is { Length: > 0 })
        {
            services.AddSingleton<ISystemdNotifier, SystemdNotifier>();
            services.AddSingleton<IHostLifetime, SystemdLifetime>();
        }
    }

    // Outside Development the reader is a program: one JSON object a line, whatever a client has put into a name. What is configured goes before.
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

    private sealed class OnStarted(Action action) : IHostedLifecycleService
    {
        public Task StartedAsync(CancellationToken cancellationToken)
        {
            action();
            return Task.CompletedTask;
        }

        public Task StartingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public Task StoppingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public Task StoppedAsync(CancellationToken cancellationToken) => Task.CompletedTask;
    }
}
