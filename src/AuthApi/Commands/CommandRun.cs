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
            if (command.IsForServer && app.Services.GetService<IServerCommands>() is { } server && await server.TryRunAsync(words, console, stop.Token) is { } exitCode)
            {
                return exitCode;
            }

            var store = command.NeedsStore ? app.Services.GetRequiredService<ICommandStore>() : null;
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
            await console.WriteErrorAsync(Line(StartupErrors.Explain(exception) ?? exception.GetBaseException().Message));
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
            await call.Console.WriteErrorAsync(Line("stopped before it was done. Nothing was changed."));
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

/// <summary>Opens the store of sessions for a command that runs in a process of its own.</summary>
internal interface ICommandStore
{
    /// <summary>Opens it.</summary>
    /// <exception cref="CommandException">Its schema is not this version's.</exception>
    Task OpenAsync(CancellationToken cancellationToken);

    /// <summary>Closes it, whether or not it was opened.</summary>
    Task CloseAsync();
}

/// <summary>Runs commands in a server that has the database for itself.</summary>
internal interface IServerCommands
{
    /// <summary>Runs a command in the running server.</summary>
    /// <returns>Its exit code; <see langword="null"/> where no server runs.</returns>
    /// <exception cref="CommandException">A server runs and does not do it.</exception>
    Task<int?> TryRunAsync(string[] words, CommandConsole console, CancellationToken cancellationToken);
}
