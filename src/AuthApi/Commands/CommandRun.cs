using System.CommandLine;
using System.Runtime.InteropServices;
using AuthApi.Startup;

namespace AuthApi.Commands;

/// <summary>Runs one command: in the running server where that has the database for itself, else in this process, which then builds the program and does not start it.</summary>
internal sealed class CommandRun(ProgramCommand command, ParseResult parsed, string[] words)
{
    // Standard output has the result alone.
    private static readonly Dictionary<string, string> OwnSettings = new(StringComparer.OrdinalIgnoreCase)
    {
        ["Logging:Console:LogToStandardErrorThreshold"] = "Trace",
        ["Logging:LogLevel:Default"] = "Error",
    };

    // A command that knows what has happened by then says so itself.
    private const string Stopped = "stopped before it was done. Look whether anything was changed.";

    /// <summary>Whether a setting is one that every command adds.</summary>
    public static bool IsOwn(string key, string? value) => OwnSettings.TryGetValue(key, out var own) && own == value;

    /// <summary>Runs it with settings of the command line.</summary>
    /// <returns>The exit code.</returns>
    public async Task<int> RunAsync(string[] settings, Func<string[], WebApplication> build)
    {
        using var stop = new CancellationTokenSource();
        using var terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, Stop);
        using var interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, Stop);
        var console = new TerminalConsole();
        try
        {
            await using var app = build([.. settings, .. OwnSettings.Select(setting => $"--{setting.Key}={setting.Value}")]);
            app.CheckKeys();
            if (command.IsForServer && await app.Services.GetRequiredService<ControlClient>().TryRunAsync(words, console, stop.Token) is { } exitCode)
            {
                return exitCode;
            }

            var store = command.NeedsStore ? app.Services.GetRequiredService<CommandStore>() : null;
            try
            {
                await (store?.OpenAsync(stop.Token) ?? Task.CompletedTask);
                return await RunAsync(new CommandCall(parsed, app.Services, console, stop.Token));
            }
            finally
            {
                await (store?.CloseAsync() ?? Task.CompletedTask);
            }
        }
        catch (Exception exception) when (exception is not OperationCanceledException || stop.IsCancellationRequested)
        {
            // One line whatever it is; what a database says is in the innermost.
            await console.WriteErrorAsync(Line(exception is OperationCanceledException ? Stopped : StartupErrors.Explain(exception) ?? exception.GetBaseException().Message));
            return CommandExit.Failed;
        }

        void Stop(PosixSignalContext context)
        {
            context.Cancel = true;
            stop.Cancel();
        }
    }

    /// <summary>Runs it with these services.</summary>
    /// <returns>The exit code.</returns>
    public async Task<int> RunAsync(CommandCall call)
    {
        try
        {
            return await command.Run(call);
        }
        catch (OperationCanceledException) when (call.Cancelled.IsCancellationRequested)
        {
            await call.Console.WriteErrorAsync(Line(Stopped));
            return CommandExit.Failed;
        }
        catch (CommandException exception)
        {
            await call.Console.WriteErrorAsync(Line(exception.Message));
            return CommandExit.Failed;
        }
    }

    private string Line(string reason) => $"AuthApi {string.Join(' ', parsed.CommandResult.Command.Parents.OfType<Command>().Where(parent => parent is not RootCommand).Select(parent => parent.Name).Append(command.Name))}: {reason.ReplaceLineEndings(" ")}";
}
