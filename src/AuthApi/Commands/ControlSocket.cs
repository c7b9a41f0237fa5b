using System.Collections.Concurrent;
using System.Globalization;
using System.Net.Sockets;
using System.Text.Json;
using AuthApi.Sessions;
using AuthApi.Sessions.Sqlite;
using AuthApi.Storage;
using Microsoft.Extensions.Options;

namespace AuthApi.Commands;

/// <summary>
/// Takes commands for the running server, which has the SQLite file for itself: by a Unix socket beside the file that its owner alone can use. A command runs here as it
/// would in a process of its own, with the server's cache and writer, so what it has ended is final when it returns.
/// </summary>
internal sealed partial class ControlSocket(IServiceProvider services, IOptions<DatabaseOptions> options, TimeProvider time, ILogger<ControlSocket> logger) : BackgroundService
{
    private static readonly TimeSpan Retry = TimeSpan.FromSeconds(1);

    // Of these it runs those that are for a server.
    private static readonly CommandLine Commands = new(ProgramCommands.All);

    private readonly LogThrottle _notAccepted = new(time);
    private readonly ConcurrentDictionary<Task, bool> _running = new();
    private Socket? _listener;
    private string? _path;

    /// <summary>The socket of a file.</summary>
    public static string PathOf(string database) => $"{database}.control";

    public override async Task StartAsync(CancellationToken cancellationToken)
    {
        if (options.Value.Provider == DatabaseOptions.Sqlite && OperatingSystem.IsLinux())
        {
            Listen(PathOf(services.GetRequiredService<SqliteDatabase>().Path));
        }

        await base.StartAsync(cancellationToken);
    }

    /// <summary>Stops the commands that run, and returns when each has recorded what it did and said it to its client, while the store is still open.</summary>
    public override async Task StopAsync(CancellationToken cancellationToken)
    {
        await base.StopAsync(cancellationToken);
        await Task.WhenAll(_running.Keys).WaitAsync(cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        _listener?.Dispose();
        if (_path is not null)
        {
            File.Delete(_path);
        }
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        while (_listener is { } listener && !stoppingToken.IsCancellationRequested)
        {
            try
            {
                var client = await listener.AcceptAsync(stoppingToken);
                var command = ServeAsync(client, stoppingToken);
                _running[command] = true;
                _ = command.ContinueWith(ended => _running.TryRemove(ended, out _), CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
            }
            catch (SocketException exception)
            {
                // As where there are no file handles left. The client waits meanwhile.
                if (_notAccepted.IsDue())
                {
                    Log.NotAccepted(logger, exception.Message);
                }

                await Task.Delay(Retry, time, stoppingToken);
            }
        }
    }

    private void Listen(string path)
    {
        try
        {
            // One that a killed process has left: this one has the file's lock.
            File.Delete(path);
            var listener = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
            listener.Bind(new UnixDomainSocketEndPoint(path));
            if (!OperatingSystem.IsWindows())
            {
                File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.UserWrite);
            }

            // Until here nobody can connect.
            listener.Listen(8);
            (_listener, _path) = (listener, path);
        }
        catch (Exception exception) when (exception is SocketException or IOException or UnauthorizedAccessException or ArgumentException)
        {
            Log.NotListening(logger, path, exception.Message);
        }
    }

    private async Task ServeAsync(Socket client, CancellationToken stoppingToken)
    {
        try
        {
            using var channel = new ControlChannel(client);
            if (!ControlChannel.IsOfThisUser(client))
            {
                Log.Refused(logger);
                await channel.WriteAsync(new ControlMessage { Error = "The running server is another user's. Run the command as the user of the server." }, stoppingToken);
                await channel.WriteAsync(new ControlMessage { ExitCode = CommandExit.Failed }, stoppingToken);
                return;
            }

            if (await channel.ReadAsync(stoppingToken) is not { Words: { } words } request)
            {
                return;
            }

            var console = new ControlConsole(channel, request.IsInteractive, stoppingToken);
            var exitCode = await RunAsync(words, console, stoppingToken);
            await channel.WriteAsync(new ControlMessage { ExitCode = exitCode }, CancellationToken.None);
        }
        catch (Exception exception) when (exception is IOException or SocketException or JsonException or OperationCanceledException)
        {
            // The client has gone.
        }
        catch (Exception exception)
        {
            Log.Failed(logger, exception);
        }
    }

    private async Task<int> RunAsync(string[] words, ControlConsole console, CancellationToken stoppingToken)
    {
        using var error = new StringWriter(CultureInfo.InvariantCulture);
        if (Commands.Parse(words, error) is not { CommandResult.Command: ProgramCommand { IsForServer: true } command } parsed)
        {
            await console.WriteErrorAsync($"The running server does not know this command: {error}".TrimEnd());
            return CommandExit.NotUnderstood;
        }

        try
        {
            return await new CommandRun(command, parsed, words).RunAsync(new CommandCall(parsed, services, console, stoppingToken));
        }
        catch (Exception exception) when (exception is not IOException)
        {
            Log.Failed(logger, exception);
            await console.WriteErrorAsync($"The running server could not do it: {exception.Message.ReplaceLineEndings(" ")}");
            return CommandExit.Failed;
        }
    }

    private static partial class Log
    {
        [LoggerMessage(1, LogLevel.Warning, "Commands cannot reach this server, as {Path} cannot be made: {Message}")]
        public static partial void NotListening(ILogger logger, string path, string message);

        [LoggerMessage(2, LogLevel.Warning, "A command of another user of this machine was rejected.")]
        public static partial void Refused(ILogger logger);

        [LoggerMessage(3, LogLevel.Error, "A command failed.")]
        public static partial void Failed(ILogger logger, Exception exception);

        [LoggerMessage(4, LogLevel.Warning, "A command could not be accepted; it waits, and is tried again each second: {Message}. Logged at most once a minute.")]
        public static partial void NotAccepted(ILogger logger, string message);
    }
}

/// <summary>The console of a command's process, seen from the server.</summary>
internal sealed class ControlConsole(ControlChannel channel, bool isInteractive, CancellationToken stoppingToken) : CommandConsole
{
    public override bool IsInteractive => isInteractive;

    // What was done is said also where the server is ending.
    public override Task WriteLineAsync(string text) => channel.WriteAsync(new ControlMessage { Output = text }, CancellationToken.None);

    public override Task WriteErrorAsync(string line) => channel.WriteAsync(new ControlMessage { Error = line }, CancellationToken.None);

    public override async Task<string?> AskAsync(string prompt, bool isSecret = false)
    {
        await channel.WriteAsync(new ControlMessage { Ask = prompt, IsSecret = isSecret }, stoppingToken);
        return (await channel.ReadAsync(stoppingToken))?.Answer;
    }
}
