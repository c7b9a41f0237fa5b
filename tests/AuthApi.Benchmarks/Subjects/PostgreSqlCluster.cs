using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using Npgsql;

namespace AuthApi.Benchmarks.Subjects;

/// <summary>
/// A PostgreSQL server of the run's own, with Debian's binaries, on a free port of this machine. Its commits are durable. As root, whom PostgreSQL refuses, it
/// runs as the user <c>postgres</c> of the package.
/// </summary>
internal sealed class PostgreSqlCluster : IDisposable
{
    private const string Binaries = "/usr/lib/postgresql";

    // A checkpoint in the midst of a round would be part of one subject's figures.
    private static readonly string[] Settings =
        ["shared_buffers=1GB", "max_wal_size=8GB", "checkpoint_timeout=1h", "max_connections=200", "listen_addresses=127.0.0.1", "unix_socket_directories=", "logging_collector=off"];

    private static readonly TimeSpan MaxStart = TimeSpan.FromMinutes(1);

    private readonly Process _process;

    private PostgreSqlCluster(Process process, int port)
    {
        (_process, Port) = (process, port);
        AppDomain.CurrentDomain.ProcessExit += EndAtExit;
    }

    public int Port { get; }

    /// <summary>Whether there are binaries.</summary>
    public static bool IsInstalled => Find() is not null;

    /// <summary>What all its processes have used so far, those that have ended too.</summary>
    public TimeSpan CpuTime
    {
        get
        {
            var all = Children().Append(_process.Id).Select(id => Fields(id)).OfType<string[]>().ToList();
            return TimeSpan.FromSeconds(all.Sum(fields => Ticks(fields, 13) + Ticks(fields, 14)) / 100.0)
                + TimeSpan.FromSeconds((Ticks(Fields(_process.Id) ?? [], 15) + Ticks(Fields(_process.Id) ?? [], 16)) / 100.0);
        }
    }

    public static async Task<PostgreSqlCluster> StartAsync(string folder)
    {
        var binaries = Find() ?? throw new InvalidOperationException("There is no PostgreSQL in /usr/lib/postgresql: install Debian's package postgresql.");
        var data = Path.Combine(folder, "postgresql");
        Directory.CreateDirectory(data);
        if (Environment.IsPrivilegedProcess)
        {
            await RunAsync(new ProcessStartInfo("chown", ["postgres:postgres", data]));
        }

        await RunAsync(AsServer(binaries, "initdb", "--pgdata", data, "--username=postgres", "--auth=trust", "--encoding=UTF8", "--no-locale", "--no-sync"));
        var port = FreePort();
        var start = AsServer(
            binaries,
            "postgres",
            ["-D", data, "-p", port.ToString(CultureInfo.InvariantCulture), .. Settings.SelectMany(setting => new[] { "-c", setting })]);
        start.RedirectStandardError = true;
        var process = Process.Start(start)!;
        process.ErrorDataReceived += static (_, _) => { };
        process.BeginErrorReadLine();
        var cluster = new PostgreSqlCluster(process, port);
        await cluster.WaitAsync();
        return cluster;
    }

    public string ConnectionString(string database) => $"Host=127.0.0.1;Port={Port};Username=postgres;Database={database};SSL Mode=Disable";

    public async Task<string> CreateDatabaseAsync(string name)
    {
        await using var source = NpgsqlDataSource.Create(ConnectionString("postgres"));
        await using var command = source.CreateCommand($"CREATE DATABASE \"{name}\"");
        await command.ExecuteNonQueryAsync();
        return ConnectionString(name);
    }

    public void Dispose()
    {
        AppDomain.CurrentDomain.ProcessExit -= EndAtExit;
        if (!_process.HasExited)
        {
            End();
            _process.WaitForExit();
        }

        _process.Dispose();
    }

    private static string? Find() => Directory.Exists(Binaries)
        ? Directory.GetDirectories(Binaries)
            .OrderByDescending(folder => int.TryParse(Path.GetFileName(folder), CultureInfo.InvariantCulture, out var version) ? version : 0)
            .Select(folder => Path.Combine(folder, "bin"))
            .FirstOrDefault(folder => File.Exists(Path.Combine(folder, "initdb")))
        : null;

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }

    private static ProcessStartInfo AsServer(string binaries, string name, params string[] arguments)
    {
        var program = Path.Combine(binaries, name);
        return Environment.IsPrivilegedProcess
            ? new("setpriv", ["--reuid=postgres", "--regid=postgres", "--clear-groups", program, .. arguments]) { WorkingDirectory = "/" }
            : new(program, arguments) { WorkingDirectory = "/" };
    }

    private static async Task RunAsync(ProcessStartInfo start)
    {
        (start.RedirectStandardOutput, start.RedirectStandardError) = (true, true);
        using var process = Process.Start(start)!;
        var (output, error) = (process.StandardOutput.ReadToEndAsync(), process.StandardError.ReadToEndAsync());
        await process.WaitForExitAsync();
        if (process.ExitCode != 0)
        {
            throw new InvalidOperationException($"{start.FileName} {string.Join(' ', start.ArgumentList)} failed: {await output}{await error}");
        }
    }

    private static string[]? Fields(int id)
    {
        try
        {
            // The name, in parentheses, may have spaces.
            var text = File.ReadAllText($"/proc/{id}/stat");
            return [.. Enumerable.Repeat("", 2), .. text[(text.LastIndexOf(')') + 2)..].Split(' ')];
        }
        catch (IOException)
        {
            return null;
        }
    }

    private static long Ticks(string[] fields, int index) => index < fields.Length ? long.Parse(fields[index], CultureInfo.InvariantCulture) : 0;

    private IEnumerable<int> Children() => File.ReadAllText($"/proc/{_process.Id}/task/{_process.Id}/children")
        .Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(id => int.Parse(id, CultureInfo.InvariantCulture));

    private async Task WaitAsync()
    {
        var began = Stopwatch.GetTimestamp();
        while (true)
        {
            try
            {
                await using var connection = new NpgsqlConnection(ConnectionString("postgres") + ";Pooling=false");
                await connection.OpenAsync();
                return;
            }
            catch (NpgsqlException) when (!_process.HasExited && Stopwatch.GetElapsedTime(began) < MaxStart)
            {
                await Task.Delay(50);
            }
        }
    }

    // At once, without a checkpoint: its data go too.
    private void End()
    {
        using var kill = Process.Start("kill", ["-QUIT", _process.Id.ToString(CultureInfo.InvariantCulture)]);
        kill.WaitForExit();
    }

    private void EndAtExit(object? sender, EventArgs e) => End();
}
