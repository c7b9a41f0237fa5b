using System.Diagnostics;
using System.Globalization;
using Npgsql;

namespace AuthApi.Tests.Harness;

/// <summary>
/// A PostgreSQL server of the tests' own: Debian's binaries, a temporary folder, a free port of the loopback address. It is ended by its own process id. As
/// root, whom PostgreSQL refuses, it runs as the user <c>postgres</c> of the package.
/// </summary>
internal sealed class PostgreSqlServer : IAsyncDisposable
{
    public const string Password = "authapi";

    /// <summary>Settings of a server that keeps what it acknowledges when it is killed, but not when the machine is.</summary>
    public static readonly string[] WithoutSyncs = ["fsync=off", "full_page_writes=off", "shared_buffers=16MB"];

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);
    private static readonly Lazy<string?> Found = new(Find);

    // Made once for the run. To copy it takes a tenth of the time.
    private static readonly Lazy<Task<TemporaryFolder>> Template = new(InitializeAsync);
    private static readonly Lazy<Task<PostgreSqlServer>> OfTheRun = new(() => StartAsync([.. WithoutSyncs, "max_connections=600"]));

    private readonly TemporaryFolder _folder;
    private readonly string[] _settings;
    private readonly ReservedPort _port = new();
    private readonly List<string> _log = [];
    private Process? _process;

    private PostgreSqlServer(TemporaryFolder folder, string[] settings) => (_folder, _settings) = (folder, settings);

    /// <summary>Its port, which is its own while it is stopped too.</summary>
    public int Port => _port.Number;

    /// <summary>The folder of its data.</summary>
    public string Data => Path.Combine(_folder.Path, "data");

    public bool IsRunning => _process is { HasExited: false };

    /// <summary>The server that all fixtures share which end no server, without syncs to the disk. Tests are skipped where there are no binaries.</summary>
    public static Task<PostgreSqlServer> SharedAsync()
    {
        Require();
        return OfTheRun.Value;
    }

    /// <summary>Ends the shared server, if there is one.</summary>
    public static async Task EndSharedAsync()
    {
        if (OfTheRun.IsValueCreated)
        {
            await (await OfTheRun.Value).DisposeAsync();
        }

        if (Template.IsValueCreated)
        {
            (await Template.Value).Dispose();
        }
    }

    /// <summary>Skips the test where there is no server to start; in CI it fails.</summary>
    public static void Require()
    {
        if (Found.Value is null)
        {
            Needs.Missing("PostgreSQL (Debian's package postgresql)");
        }
    }

    /// <summary>Starts another server, with these settings in the form <c>name=value</c>. It keeps what it acknowledges unless they say otherwise.</summary>
    public static async Task<PostgreSqlServer> StartAsync(params string[] settings)
    {
        Require();
        var folder = new TemporaryFolder();
        var server = new PostgreSqlServer(folder, settings);
        await RunAsync("cp", "--archive", Path.Combine((await Template.Value).Path, "data"), server.Data);
        Own(folder.Path);
        await server.StartAgainAsync();
        return server;
    }

    /// <summary>Starts a standby of this server, from a base backup.</summary>
    public async Task<PostgreSqlServer> StartStandbyAsync(params string[] settings)
    {
        var folder = new TemporaryFolder();
        Own(folder.Path);
        var standby = new PostgreSqlServer(folder, settings);
        await RunAsServerAsync("pg_basebackup", "--pgdata", standby.Data, "--write-recovery-conf", "--checkpoint=fast", "--no-sync", "--dbname", $"host=127.0.0.1 port={Port} user=postgres password={Password} application_name=standby");
        await standby.StartAgainAsync();
        return standby;
    }

    /// <summary>Makes a standby a primary.</summary>
    public Task PromoteAsync() => RunAsServerAsync("pg_ctl", "promote", "--wait", "--pgdata", Data);

    /// <summary>Starts it on the data as they lie there, and returns when it takes connections.</summary>
    public async Task StartAgainAsync()
    {
        var deadline = Stopwatch.GetTimestamp();
        while (!await TryStartAsync())
        {
            // What a killed one left may be in use for a moment.
            if (Stopwatch.GetElapsedTime(deadline) > Patience)
            {
                throw new InvalidOperationException("PostgreSQL did not start: " + Log);
            }

            await Task.Delay(50);
        }
    }

    /// <summary>The ids of its processes now, the first one's and those of its connections and its own work.</summary>
    public IReadOnlyList<int> Processes
    {
        get
        {
            var id = _process!.Id.ToString(CultureInfo.InvariantCulture);
            return [_process.Id, .. File.ReadAllText($"/proc/{id}/task/{id}/children").Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(child => int.Parse(child, CultureInfo.InvariantCulture))];
        }
    }

    /// <summary>What it logged.</summary>
    public string Log
    {
        get
        {
            lock (_log)
            {
                return string.Join(Environment.NewLine, _log);
            }
        }
    }

    /// <summary>The connection string of a database.</summary>
    public string ConnectionString(string database, string user = "postgres", string password = Password) => new NpgsqlConnectionStringBuilder
    {
        Host = "127.0.0.1",
        Port = Port,
        Database = database,
        Username = user,
        Password = password,
        SslMode = SslMode.Disable,
    }.ConnectionString;

    /// <summary>Creates a database of its own for a test.</summary>
    /// <param name="template">The database to copy, which nobody is connected to.</param>
    /// <returns>Its name.</returns>
    public async Task<string> CreateDatabaseAsync(string template = "template1")
    {
        var name = "test_" + Guid.CreateVersion7().ToString("N");
        await ExecuteAsync("postgres", $"CREATE DATABASE \"{name}\" TEMPLATE \"{template}\" STRATEGY FILE_COPY");
        return name;
    }

    /// <summary>Empties a database, so that another test can have it: its tables stay, and ids begin at 1 again. A copy takes a hundred times as long.</summary>
    public Task DeleteRowsAsync(string database) => ExecuteAsync(
        database,
        """
        DO $$
        DECLARE name text;
        BEGIN
            SET LOCAL session_replication_role = replica;
            FOR name IN SELECT c.oid::regclass::text FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r' AND c.relname <> '__EFMigrationsHistory' LOOP
                EXECUTE 'DELETE FROM ' || name;
            END LOOP;
            PERFORM setval(c.oid, 1, false) FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'S';
        END $$
        """);

    /// <summary>Runs a statement on a connection of its own.</summary>
    public async Task ExecuteAsync(string database, string sql)
    {
        await using var connection = new NpgsqlConnection(ConnectionString(database) + ";Pooling=false");
        await connection.OpenAsync();
        await using var command = new NpgsqlCommand(sql, connection);
        await command.ExecuteNonQueryAsync();
    }

    /// <summary>Runs a query on a connection of its own.</summary>
    /// <returns>The rows, their columns with a space between.</returns>
    public async Task<List<string>> QueryAsync(string database, string sql)
    {
        await using var connection = new NpgsqlConnection(ConnectionString(database) + ";Pooling=false");
        await connection.OpenAsync();
        await using var command = new NpgsqlCommand(sql, connection);
        await using var reader = await command.ExecuteReaderAsync();
        var rows = new List<string>();
        while (await reader.ReadAsync())
        {
            rows.Add(string.Join(' ', Enumerable.Range(0, reader.FieldCount).Select(column => Convert.ToString(reader.GetValue(column), CultureInfo.InvariantCulture))));
        }

        return rows;
    }

    /// <summary>Ends it as <c>pg_ctl stop -m immediate</c> does: without a checkpoint.</summary>
    public Task StopAsync() => EndAsync("QUIT");

    /// <summary>Kills it.</summary>
    public Task KillAsync() => EndAsync("KILL");

    /// <summary>Stops all its processes, as a machine that hangs.</summary>
    public Task SuspendAsync() => SignalAllAsync("STOP");

    /// <summary>Lets them go on.</summary>
    public Task ResumeAsync() => SignalAllAsync("CONT");

    public async ValueTask DisposeAsync()
    {
        if (IsRunning)
        {
            await ResumeAsync();
            await StopAsync();
        }

        _port.Dispose();
        _folder.Dispose();
    }

    private static async Task<TemporaryFolder> InitializeAsync()
    {
        var folder = new TemporaryFolder();
        var password = Path.Combine(folder.Path, "password");
        await File.WriteAllTextAsync(password, Password);
        Own(folder.Path);
        await RunAsServerAsync("initdb", "--pgdata", Path.Combine(folder.Path, "data"), "--username=postgres", "--auth=md5", "--pwfile", password, "--encoding=UTF8", "--no-locale", "--no-sync");
        return folder;
    }

    private async Task<bool> TryStartAsync()
    {
        var start = AsServer(
            "postgres",
            [
                "-D", Data, "-p", Port.ToString(CultureInfo.InvariantCulture), "-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories=",
                "-c", "shared_buffers=32MB", "-c", "max_wal_senders=4", "-c", "logging_collector=off", .. _settings.SelectMany(setting => new[] { "-c", setting }),
            ]);
        var process = Process.Start(start)!;
        var isReady = new TaskCompletionSource<bool>(TaskCreationOptions.RunContinuationsAsynchronously);
        process.ErrorDataReceived += (_, line) =>
        {
            if (line.Data is not { } text)
            {
                isReady.TrySetResult(false);
                return;
            }

            lock (_log)
            {
                _log.Add(text);
            }

            if (text.Contains("ready to accept", StringComparison.Ordinal))
            {
                isReady.TrySetResult(true);
            }
        };
        process.BeginErrorReadLine();
        _process = process;
        return await isReady.Task.WaitAsync(Patience);
    }

    private async Task EndAsync(string signal)
    {
        await SignalAsync(signal, [_process!.Id]);
        await _process.WaitForExitAsync();
    }

    private Task SignalAllAsync(string signal) => SignalAsync(signal, Processes);

    // One that has just ended by itself is none.
    private static async Task SignalAsync(string signal, IEnumerable<int> processes)
    {
        using var kill = Process.Start(new ProcessStartInfo("kill", [$"-{signal}", .. processes.Select(id => id.ToString(CultureInfo.InvariantCulture))]) { RedirectStandardError = true })!;
        await kill.WaitForExitAsync();
    }

    private static string? Find() => Directory.Exists("/usr/lib/postgresql")
        ? Directory.GetDirectories("/usr/lib/postgresql")
            .OrderByDescending(folder => int.TryParse(Path.GetFileName(folder), out var version) ? version : 0)
            .Select(folder => Path.Combine(folder, "bin"))
            .FirstOrDefault(folder => File.Exists(Path.Combine(folder, "initdb")))
        : null;

    private static void Own(string folder)
    {
        if (Environment.IsPrivilegedProcess)
        {
            using var chown = Process.Start("chown", ["--recursive", "postgres:postgres", folder]);
            chown.WaitForExit();
        }
    }

    private static ProcessStartInfo AsServer(string name, IEnumerable<string> arguments)
    {
        var program = Path.Combine(Found.Value!, name);
        return Environment.IsPrivilegedProcess
            ? new("setpriv", ["--reuid=postgres", "--regid=postgres", "--clear-groups", program, .. arguments]) { RedirectStandardError = true, WorkingDirectory = "/" }
            : new(program, arguments) { RedirectStandardError = true, WorkingDirectory = "/" };
    }

    private static Task RunAsServerAsync(string name, params string[] arguments) => RunAsync(AsServer(name, arguments));

    private static Task RunAsync(string name, params string[] arguments) => RunAsync(new ProcessStartInfo(name, arguments) { RedirectStandardError = true });

    private static async Task RunAsync(ProcessStartInfo start)
    {
        start.RedirectStandardOutput = true;
        using var process = Process.Start(start)!;
        var (output, error) = (process.StandardOutput.ReadToEndAsync(), process.StandardError.ReadToEndAsync());
        await process.WaitForExitAsync();
        if (process.ExitCode != 0)
        {
            throw new InvalidOperationException($"{start.FileName} {string.Join(' ', start.ArgumentList)} ended with {process.ExitCode}: {await output}{await error}");
        }
    }
}
