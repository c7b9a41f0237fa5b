using System.Net.Sockets;
using AuthApi.Startup;
using AuthApi.Storage;
using Microsoft.Data.Sqlite;
using Microsoft.Extensions.Options;

namespace AuthApi.Commands;

/// <summary>Has the running server of an SQLite file run a command.</summary>
internal sealed class ControlClient(IConfiguration configuration, IOptions<DatabaseOptions> options)
{
    /// <summary>Runs a command in the running server.</summary>
    /// <returns>Its exit code; <see langword="null"/> where no server runs.</returns>
    /// <exception cref="CommandException">A server runs and does not do it.</exception>
    public async Task<int?> TryRunAsync(string[] words, CommandConsole console, CancellationToken cancellationToken)
    {
        if (options.Value.Provider != DatabaseOptions.Sqlite || !OperatingSystem.IsLinux())
        {
            return null;
        }

        var path = ControlSocket.PathOf(new SqliteConnectionStringBuilder(SqliteFile.ConnectionString(configuration)).DataSource);
        if (!File.Exists(path))
        {
            return null;
        }

        using var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            await socket.ConnectAsync(new UnixDomainSocketEndPoint(path), cancellationToken);
        }
        catch (SocketException exception) when (exception.SocketErrorCode == SocketError.ConnectionRefused)
        {
            // A killed server has left it.
            return null;
        }
        catch (SocketException exception)
        {
            throw new CommandException($"the server that has the file cannot be reached by {path}: {exception.Message}. Run the command as the user of the server.");
        }

        using var channel = new ControlChannel(socket);
        try
        {
            if (await RunAsync(channel, words, console, cancellationToken) is { } exitCode)
            {
                return exitCode;
            }
        }
        catch (IOException)
        {
            // As where the server was killed meanwhile.
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            throw new CommandException("stopped, and the server goes on with it. Look whether it was done.");
        }

        throw new CommandException("the server ended before it answered. Look whether it was done.");
    }

    private static async Task<int?> RunAsync(ControlChannel channel, string[] words, CommandConsole console, CancellationToken cancellationToken)
    {
        try
        {
            await channel.WriteAsync(new ControlMessage { Words = words, IsInteractive = console.IsInteractive }, cancellationToken);
        }
        catch (IOException)
        {
            // It was refused before it was read; the reason is still to be read.
        }

        while (await channel.ReadAsync(cancellationToken) is { } message)
        {
            switch (message)
            {
                case { ExitCode: { } exitCode }:
                    return exitCode;
                case { Output: { } text }:
                    await console.WriteLineAsync(text);
                    break;
                case { Error: { } line }:
                    await console.WriteErrorAsync(line);
                    break;
                case { Ask: { } prompt }:
                    var answer = await console.AskAsync(prompt, message.IsSecret);
                    if (cancellationToken.IsCancellationRequested)
                    {
                        // The server does nothing that nobody has answered for.
                        throw new CommandException("stopped before it was answered. Nothing was changed.");
                    }

                    await channel.WriteAsync(new ControlMessage { Answer = answer }, cancellationToken);
                    break;
            }
        }

        return null;
    }
}
