using System.Diagnostics;
using System.Globalization;
using System.Text.RegularExpressions;
using AuthApi.Startup;
using Npgsql;

namespace AuthApi.Backups;

/// <summary>
/// One of PostgreSQL's own programs, run as a process. It gets the connection in its environment: the arguments of a process can be read by every user of the machine.
/// </summary>
internal sealed partial class PostgreSqlTool
{
    // Debian's and Red Hat's folders, which are not in the PATH.
    private static readonly (string Folder, string Pattern)[] Installed = [("/usr/lib/postgresql", "*"), ("/usr", "pgsql-*")];

    // The authorities that the system trusts, which Npgsql takes where no other is configured.
    private const string SystemAuthorities = "/etc/ssl/certs/ca-certificates.crt";

    private readonly string _name;
    private readonly string _path;
    private readonly NpgsqlConnectionStringBuilder _connection;

    private PostgreSqlTool(string name, string path, NpgsqlConnectionStringBuilder connection) => (_name, _path, _connection) = (name, path, connection);

    /// <summary>Finds a program whose version is not older than the server's: an older one does not know what a newer server has.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="folder">Its folder; <see langword="null"/> to look in the PATH and where packages install it.</param>
    /// <param name="connectionString">The database.</param>
    /// <param name="serverVersion">The server's major version.</param>
    /// <param name="cancellationToken">Stops it.</param>
    /// <exception cref="CommandException">There is none, or only older ones.</exception>
    public static async Task<PostgreSqlTool> FindAsync(string name, string? folder, string connectionString, int serverVersion, CancellationToken cancellationToken)
    {
        var file = OperatingSystem.IsWindows() ? $"{name}.exe" : name;
        string[] paths = [.. (folder is null ? Folders() : [folder]).Select(candidate => Path.Combine(candidate, file)).Where(File.Exists)];
        var older = new List<string>();
        foreach (var path in paths)
        {
            var tool = new PostgreSqlTool(name, path, new NpgsqlConnectionStringBuilder(connectionString));
            var version = Version().Match(await tool.ReadAsync(["--version"], cancellationToken));
            if (version.Success && int.Parse(version.Groups[1].Value, CultureInfo.InvariantCulture) >= serverVersion)
            {
                return tool;
            }

            older.Add(version.Success ? $"{path} is version {version.Groups[1].Value}" : $"{path} does not say its version");
        }

        throw new CommandException(older.Count == 0
            ? $"{name} was not found {(folder is null ? "in the PATH or in /usr/lib/postgresql" : $"in {folder}")}. Install PostgreSQL's client programs (Debian: postgresql-client), or name their folder by --tools."
            : $"{name} is older than the server, which is version {serverVersion}: {string.Join(", ", older)}. Install that version's client programs, or name their folder by --tools.");
    }

    /// <summary>Runs it to its end.</summary>
    /// <returns>What it wrote to standard output.</returns>
    /// <exception cref="CommandException">It failed, for the reason it gave.</exception>
    public async Task<string> ReadAsync(IEnumerable<string> arguments, CancellationToken cancellationToken)
    {
        var output = "";
        await RunAsync(arguments, async reader => output = await reader.ReadToEndAsync(cancellationToken), cancellationToken);
        return output;
    }

    /// <summary>Runs it to its end.</summary>
    /// <param name="arguments">Its arguments, none of which is secret.</param>
    /// <param name="read">Reads what it writes to standard output.</param>
    /// <param name="cancellationToken">Stops it.</param>
    /// <exception cref="CommandException">It failed, for the reason it gave.</exception>
    public async Task RunAsync(IEnumerable<string> arguments, Func<StreamReader, Task> read, CancellationToken cancellationToken)
    {
        var start = new ProcessStartInfo(_path, arguments) { RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true };
        SetEnvironment(start.Environment);
        using var process = Start(start);
        try
        {
            // There is nobody to be asked for a password.
            process.StandardInput.Close();
            var error = process.StandardError.ReadToEndAsync(cancellationToken);
            await read(process.StandardOutput);
            await process.WaitForExitAsync(cancellationToken);
            if (process.ExitCode != 0)
            {
                throw new CommandException(Reason(await error));
            }
        }
        finally
        {
            if (!process.HasExited)
            {
                process.Kill();
                await process.WaitForExitAsync(CancellationToken.None);
            }
        }
    }

    private Process Start(ProcessStartInfo start)
    {
        try
        {
            return Process.Start(start)!;
        }
        catch (System.ComponentModel.Win32Exception exception)
        {
            throw new CommandException($"{_path} cannot be run: {exception.Message}");
        }
    }

    // The first error is the cause, and what follows is its statement.
    private string Reason(string error)
    {
        var lines = error.Split('\n', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);
        var line = lines.FirstOrDefault(line => line.Contains("error:", StringComparison.Ordinal)) ?? lines.LastOrDefault() ?? "it failed";
        return line.StartsWith(_name, StringComparison.Ordinal) ? line : $"{_name}: {line}";
    }

    // Npgsql's settings by libpq's names.
    private void SetEnvironment(IDictionary<string, string?> environment)
    {
        var hosts = _connection.Host!.Split(',', StringSplitOptions.TrimEntries);
        Set("PGHOST", string.Join(',', hosts.Select(host => Split(host).Name)));
        Set("PGPORT", string.Join(',', hosts.Select(host => Split(host).Port ?? _connection.Port.ToString(CultureInfo.InvariantCulture))));
        Set("PGDATABASE", _connection.Database);
        Set("PGAPPNAME", "AuthApi");
        Set("PGSSLMODE", _connection.SslMode switch { SslMode.VerifyCA => "verify-ca", SslMode.VerifyFull => "verify-full", var mode => mode.ToString().ToLowerInvariant() });

        // Its messages are looked at.
        Set("LC_ALL", "C");

        // Of a person's own environment, in which they would point elsewhere.
        environment.Remove("PGSERVICE");
        environment.Remove("PGHOSTADDR");
        SetWhereGiven("PGUSER", _connection.Username);
        SetWhereGiven("PGPASSWORD", _connection.Password);
        SetWhereGiven("PGPASSFILE", _connection.Passfile);
        SetWhereGiven("PGOPTIONS", _connection.Options);
        SetWhereGiven("PGSSLCERT", _connection.SslCertificate);
        SetWhereGiven("PGSSLKEY", _connection.SslKey);
        SetWhereGiven("PGSSLROOTCERT", _connection.RootCertificate ?? (_connection.SslMode is SslMode.VerifyCA or SslMode.VerifyFull && File.Exists(SystemAuthorities) ? SystemAuthorities : null));
        if (hosts.Length > 1)
        {
            Set("PGTARGETSESSIONATTRS", "read-write"); // the primary, in the words of every version
        }

        void Set(string name, string? value) => environment[name] = value;

        void SetWhereGiven(string name, string? value)
        {
            if (!string.IsNullOrEmpty(value))
            {
                environment[name] = value;
            }
        }
    }

    // A path is a socket; an address of IPv6 that has a port stands in brackets.
    private static (string Name, string? Port) Split(string host) =>
        host.StartsWith('/') || host.LastIndexOf(':') is not (> 0 and var colon) ? (host, null)
        : host.StartsWith('[') ? (host[1..host.IndexOf(']', StringComparison.Ordinal)], host.EndsWith(']') ? null : host[(colon + 1)..])
        : host.IndexOf(':', StringComparison.Ordinal) != colon ? (host, null)
        : (host[..colon], host[(colon + 1)..]);

    private static IEnumerable<string> Folders() =>
        (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator, StringSplitOptions.RemoveEmptyEntries)
            .Concat(Installed.Where(installed => Directory.Exists(installed.Folder))
                .SelectMany(installed => Directory.GetDirectories(installed.Folder, installed.Pattern).OrderDescending(StringComparer.Ordinal))
                .Select(folder => Path.Combine(folder, "bin")));

    [GeneratedRegex(@"\(PostgreSQL\) (\d+)")]
    private static partial Regex Version();
}
