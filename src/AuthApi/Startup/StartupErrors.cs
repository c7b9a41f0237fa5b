using System.Runtime.InteropServices;
using AuthApi.Sessions;
using Microsoft.Extensions.Options;

namespace AuthApi.Startup;

/// <summary>Runs the program, or says in one line why it does not start.</summary>
public static class StartupErrors
{
    /// <summary>
    /// Builds the program and runs it until SIGTERM, SIGINT or SIGHUP, and returns the exit code: 0; or 1 when it did not start, with one line on standard error
    /// that names the key where there is one.
    /// </summary>
    /// <param name="build">Builds the program and prepares what it needs.</param>
    public static async Task<int> RunAsync(Func<Task<WebApplication>> build)
    {
        using var stop = new CancellationTokenSource();

        // From the first moment on: by default SIGHUP, and SIGTERM before the host is there, end the process at once.
        using var terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, Stop);
        using var hangUp = PosixSignalRegistration.Create(PosixSignal.SIGHUP, Stop);
        WebApplication? app = null;
        try
        {
            try
            {
                app = await build();
                await app.StartAsync(stop.Token);
            }
            catch (OperationCanceledException)
            {
                return await SayAsync(stop.IsCancellationRequested ? "it was stopped before it had started." : "the start took too long, or was cancelled.");
            }
            catch (Exception exception) when (Explain(exception) is { } line)
            {
                return await SayAsync(line);
            }

            await app.WaitForShutdownAsync(stop.Token);
            return 0;
        }
        finally
        {
            if (app is not null)
            {
                // After a failed start, to dispose the background services cancels them, which the host would log as a failure of theirs.
                app.Services.GetRequiredService<IOptions<HostOptions>>().Value.BackgroundServiceExceptionBehavior = BackgroundServiceExceptionBehavior.Ignore;
                await app.DisposeAsync();
            }
        }

        void Stop(PosixSignalContext context)
        {
            context.Cancel = true;
            stop.Cancel();
        }
    }

    /// <summary>Reads every option now, so that a wrong one stops the start before anything is touched.</summary>
    public static void ValidateConfiguration(this WebApplication app)
    {
        app.CheckKeys();
        app.Services.GetRequiredService<IStartupValidator>().Validate();
    }

    /// <summary>Looks for keys that mean nothing. The options themselves are validated where they are read.</summary>
    internal static void CheckKeys(this WebApplication app)
    {
        var known = app.Services.GetServices<KnownKeys>().ToList();
        MistypedSections.Check(known, app.Configuration);
        KnownKeys.Check(known, app.Configuration);
    }

    private static async Task<int> SayAsync(string line)
    {
        await Console.Error.WriteLineAsync($"AuthApi does not start: {line.ReplaceLineEndings(" ")}");
        return 1;
    }

    /// <summary>The one line that says what is wrong.</summary>
    /// <returns><see langword="null"/> where it is no error of the configuration.</returns>
    internal static string? Explain(Exception exception) => exception switch
    {
        ConfigurationException or SessionSetupException => exception.Message,
        OptionsValidationException validation => string.Join(" ", validation.Failures),

        AggregateException { InnerExceptions: var several } when several.All(one => Explain(one) is not null) => string.Join(" ", several.Select(Explain)),

        // What the configuration binder throws on a value it cannot convert; the message names the key.
        InvalidOperationException { InnerException: FormatException or ArgumentException or OverflowException } => exception.Message,

        // The same of a log level, without the key.
        InvalidOperationException { Source: "Microsoft.Extensions.Logging.Configuration" } => $"Logging:LogLevel: {exception.Message}",

        // appsettings.json is not JSON; the inner message says where.
        InvalidDataException { InnerException: FormatException } => $"{exception.Message} {exception.InnerException.Message}",

        // An address in "urls" that is none, or that another program listens on.
        FormatException when IsThrownIn(exception, "Microsoft.AspNetCore.Http.BindingAddress") => $"urls: {exception.Message}",
        IOException { InnerException: Microsoft.AspNetCore.Connections.AddressInUseException } => $"urls: {exception.Message}",
        System.Net.Sockets.SocketException => $"urls: an address that this machine does not have, or that this user may not listen on: {exception.Message}",

        // A certificate that is not there or cannot be read, an address with what the server does not take.
        _ when IsThrownIn(exception, "Microsoft.AspNetCore.Server.Kestrel") => $"urls or Kestrel: {exception.Message}",
        _ => null,
    };

    private static bool IsThrownIn(Exception exception, string name) => exception.StackTrace?.Contains(name, StringComparison.Ordinal) == true;
}
