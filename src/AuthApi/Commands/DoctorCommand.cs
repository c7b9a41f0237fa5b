using System.Globalization;
using System.Security.Cryptography.X509Certificates;
using AuthApi.Mail;
using AuthApi.Sessions.PostgreSql;
using AuthApi.Startup;
using AuthApi.Storage;
using Microsoft.Data.Sqlite;
using Microsoft.Extensions.Options;
using Npgsql;

namespace AuthApi.Commands;

/// <summary>What <c>doctor</c> found of one thing.</summary>
/// <param name="Name">The thing.</param>
/// <param name="Status"><c>ok</c>, <c>warning</c> or <c>error</c>.</param>
/// <param name="Message">What is so, and what to do.</param>
internal sealed record Finding(string Name, string Status, string Message);

/// <summary>The command <c>doctor</c>: looks at what the program needs, and changes nothing.</summary>
internal static class DoctorCommand
{
    private const int Warned = 3;
    private const int Wrong = 4;

    private const long MinFreeBytes = 1L << 30;

    private static readonly TimeSpan MaxClockDifference = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan CertificateWarning = TimeSpan.FromDays(14);
    private static readonly TimeSpan MailPatience = TimeSpan.FromSeconds(5);

    public static ProgramCommand Create() => new("doctor", "Check configuration, database, file modes, free disk, clock, replication, mail and certificates.", RunAsync)
    {
        Example = "doctor --json",
        ExitCodes = "0 all is well; 3 there are warnings; 4 something is wrong; 1 it could not look; 2 the command line is not understood",
    };

    private static async Task<int> RunAsync(CommandCall call)
    {
        var findings = new List<Finding>();
        foreach (var check in new Func<CommandCall, IAsyncEnumerable<Finding>>[] { Configuration, Database, Keys, Files, Disk, Mail, Certificates })
        {
            await foreach (var finding in check(call))
            {
                findings.Add(finding);
            }
        }

        var status = findings.Any(finding => finding.Status == "error") ? "error" : findings.Any(finding => finding.Status == "warning") ? "warning" : "ok";
        await call.PrintAsync(new { Status = status, Findings = findings }, string.Join(Environment.NewLine, findings.Select(finding => $"{finding.Status,-8}{finding.Name,-15}{finding.Message}")));
        return status switch { "error" => Wrong, "warning" => Warned, _ => CommandExit.Done };
    }

    private static Finding Ok(string name, string message) => new(name, "ok", message);

    private static Finding Warning(string name, string message) => new(name, "warning", message);

    private static Finding Error(string name, string message) => new(name, "error", message.ReplaceLineEndings(" "));

#pragma warning disable CS1998 // one signature for all
    private static async IAsyncEnumerable<Finding> Configuration(CommandCall call)
    {
        Finding finding;
        try
        {
            call.Services.GetRequiredService<IStartupValidator>().Validate();
            finding = Ok("configuration", "every value can be read");
        }
        catch (Exception exception) when (StartupErrors.Explain(exception) is { } line)
        {
            finding = Error("configuration", line);
        }

        yield return finding;
    }

    private static async IAsyncEnumerable<Finding> Database(CommandCall call)
    {
        var findings = new List<Finding>();
        try
        {
            var state = await SchemaState.ReadAsync(call.Services, call.Cancelled);
            findings.Add(state.Newer.Count > 0 ? Error("schema", state.Advice)
                : state.Pending.Count > 0 ? Warning("schema", $"{state.Pending.Count} migrations are pending in {state.Database}. {state.Advice}")
                : Ok("schema", $"{state.Provider} {state.Database} has all {state.Applied} migrations"));
            if (state.Provider == DatabaseOptions.PostgreSql)
            {
                findings.AddRange(await PostgreSqlAsync(call));
            }
            else if (File.Exists(state.Database))
            {
                findings.AddRange(await SqliteAsync(call, state.Database));
            }
        }
        catch (Exception exception) when (exception is ConfigurationException or NpgsqlException or SqliteException)
        {
            findings.Add(Error("database", exception.Message));
        }

        foreach (var finding in findings)
        {
            yield return finding;
        }
    }

    private static async Task<IEnumerable<Finding>> SqliteAsync(CommandCall call, string file)
    {
        await using var connection = new SqliteConnection(new SqliteConnectionStringBuilder { DataSource = file, Mode = SqliteOpenMode.ReadOnly, Pooling = false }.ConnectionString);
        await connection.OpenAsync(call.Cancelled);
        await using var command = connection.CreateCommand();
        command.CommandText = "PRAGMA quick_check(1)";
        var check = (string?)await command.ExecuteScalarAsync(call.Cancelled);
        command.CommandText = """SELECT "At" FROM "AuditEntries" ORDER BY "Id" DESC LIMIT 1""";
        var now = call.Services.GetRequiredService<TimeProvider>().GetUtcNow();
        var last = await command.ExecuteScalarAsync(call.Cancelled) is long at ? DateTimeOffset.FromUnixTimeMilliseconds(at) : (DateTimeOffset?)null;
        return
        [
            check == "ok" ? Ok("integrity", $"{file} is whole") : Error("integrity", $"{file} is damaged, restore a backup: {check}"),
            last > now + MaxClockDifference ? Error("clock", $"the last event is of {last:u}, which is later than now: the clock is behind") : Ok("clock", "not before the last event"),
        ];
    }

    private static async Task<IEnumerable<Finding>> PostgreSqlAsync(CommandCall call)
    {
        await using var connection = new NpgsqlConnection(call.Services.GetRequiredService<PostgreSqlStorage>().ConnectionString + ";Pooling=false");
        await connection.OpenAsync(call.Cancelled);
        await using var command = new NpgsqlCommand(
            """
            SELECT clock_timestamp(), (SELECT count(*) FROM pg_stat_replication WHERE sync_state IN ('sync', 'quorum'))
            """,
            connection);
        var server = await ServerState.ReadAsync(connection, call.Cancelled);
        await using var row = await command.ExecuteReaderAsync(call.Cancelled);
        await row.ReadAsync(call.Cancelled);
        var difference = (row.GetFieldValue<DateTimeOffset>(0) - call.Services.GetRequiredService<TimeProvider>().GetUtcNow()).Duration();
        return
        [
            difference > MaxClockDifference ? Error("clock", string.Create(CultureInfo.InvariantCulture, $"{difference.TotalSeconds:0.0} s away from the server's: all nodes need the same time (NTP)")) : Ok("clock", "the server's, to two seconds"),
            Replication(server, row.GetInt64(1)),
        ];
    }

    /// <summary>What of the promises to keep the server does not keep.</summary>
    /// <param name="server">The server.</param>
    /// <param name="connected">How many synchronous standbys are connected to it.</param>
    internal static Finding Replication(ServerState server, long connected) =>
        server.Refusal is { } refusal ? Error("replication", $"the server {refusal}")
        : !server.Syncs ? Error("replication", server.Promise)
        : !server.WaitsForStandby ? Warning("replication", server.Promise)
        : connected == 0 ? Error("replication", $"no synchronous standby of '{server.Standbys}' is connected: commits wait for it")
        : Ok("replication", string.Create(CultureInfo.InvariantCulture, $"{connected} connected; {server.Promise}"));

    private static async IAsyncEnumerable<Finding> Keys(CommandCall call)
    {
        var configuration = call.Services.GetRequiredService<IConfiguration>();
        yield return configuration[$"{KeyRingOptions.Section}:{nameof(KeyRingOptions.CertificatePath)}"] is { Length: > 0 } ? Ok("keys", "those of authenticator apps are encrypted by a certificate")
            : SqlitePath(call) is null ? Warning("keys", $"a copy of the database shows the keys of authenticator apps: set {KeyRingOptions.Section}:{nameof(KeyRingOptions.CertificatePath)}")
            : Ok("keys", $"those of authenticator apps are encrypted by {KeyRing.Folder}/ beside the file: back it up, elsewhere than the file");
    }

    private static async IAsyncEnumerable<Finding> Files(CommandCall call)
    {
        if (OperatingSystem.IsWindows() || SqlitePath(call) is not { } file || !File.Exists(file))
        {
            yield break;
        }

        const UnixFileMode others = UnixFileMode.GroupRead | UnixFileMode.GroupWrite | UnixFileMode.OtherRead | UnixFileMode.OtherWrite;
        var open = new[] { file, $"{file}-wal", $"{file}-shm" }.Where(File.Exists).Where(path => !OperatingSystem.IsWindows() && (File.GetUnixFileMode(path) & others) != 0).ToList();
        yield return open.Count > 0 ? Error("files", $"{string.Join(", ", open)} can be read by others than the owner: chmod 0600") : Ok("files", "only their owner can read them");
    }

    private static async IAsyncEnumerable<Finding> Disk(CommandCall call)
    {
        if (SqlitePath(call) is not { } file || Path.GetDirectoryName(file) is not { } folder || !Directory.Exists(folder))
        {
            yield break;
        }

        var drive = new DriveInfo(folder);
        var message = string.Create(CultureInfo.InvariantCulture, $"{drive.AvailableFreeSpace / (double)(1 << 30):0.0} GB are free in {folder}");
        yield return drive.AvailableFreeSpace < MinFreeBytes / 10 ? Error("disk", message) : drive.AvailableFreeSpace < MinFreeBytes ? Warning("disk", message) : Ok("disk", message);
    }

    private static async IAsyncEnumerable<Finding> Mail(CommandCall call)
    {
        var smtp = call.Services.GetRequiredService<IOptions<SmtpOptions>>().Value;
        if (call.Services.GetRequiredService<MailDelivery>().Transport is not { } transport)
        {
            yield return Warning("mail", "no mail is set up: nobody can set a new password who has forgotten theirs (Email:Smtp:Host)");
            yield break;
        }

        if (string.IsNullOrEmpty(smtp.Host))
        {
            yield return Warning("mail", $"messages are written to files and sent to nobody: {transport.Target}");
            yield break;
        }

        Finding finding;
        try
        {
            using var client = new System.Net.Sockets.TcpClient();
            using var limit = CancellationTokenSource.CreateLinkedTokenSource(call.Cancelled);
            limit.CancelAfter(MailPatience);
            await client.ConnectAsync(smtp.Host, smtp.Port, limit.Token);
            finding = Ok("mail", $"{transport.Target} takes connections");
        }
        catch (Exception exception) when (exception is System.Net.Sockets.SocketException or OperationCanceledException)
        {
            finding = Error("mail", $"{transport.Target} takes no connection: {exception.Message}");
        }

        yield return finding;
    }

    private static async IAsyncEnumerable<Finding> Certificates(CommandCall call)
    {
        var configuration = call.Services.GetRequiredService<IConfiguration>();
        var now = call.Services.GetRequiredService<TimeProvider>().GetUtcNow();
        var paths = configuration.GetSection("Kestrel").AsEnumerable()
            .Where(pair => pair.Value is not null && pair.Key.EndsWith(":Path", StringComparison.OrdinalIgnoreCase) && pair.Key.Contains("Certificate", StringComparison.OrdinalIgnoreCase));
        foreach (var (key, path) in paths)
        {
            Finding finding;
            try
            {
                var password = configuration[key[..^"Path".Length] + "Password"];
                using var certificate = X509Certificate2.GetCertContentType(path!) == X509ContentType.Pkcs12
                    ? X509CertificateLoader.LoadPkcs12FromFile(path!, password)
                    : X509CertificateLoader.LoadCertificateFromFile(path!);
                var left = certificate.NotAfter.ToUniversalTime() - now.UtcDateTime;
                var message = string.Create(CultureInfo.InvariantCulture, $"{path} is valid until {certificate.NotAfter.ToUniversalTime():yyyy-MM-dd}");
                finding = left < TimeSpan.Zero ? Error("certificate", $"{path} has expired on {certificate.NotAfter.ToUniversalTime():yyyy-MM-dd}: renew it, and restart")
                    : left < CertificateWarning ? Warning("certificate", message)
                    : Ok("certificate", message);
            }
            catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or System.Security.Cryptography.CryptographicException)
            {
                finding = Error("certificate", $"{key}: {path} cannot be read: {exception.Message}");
            }

            yield return finding;
        }
    }
#pragma warning restore CS1998

    private static string? SqlitePath(CommandCall call)
    {
        if (call.Services.GetRequiredService<IConfiguration>()[$"{DatabaseOptions.Section}:{nameof(DatabaseOptions.Provider)}"] is DatabaseOptions.PostgreSql)
        {
            return null;
        }

        try
        {
            return new SqliteConnectionStringBuilder(SqliteFile.ConnectionString(call.Services.GetRequiredService<IConfiguration>())).DataSource;
        }
        catch (ConfigurationException)
        {
            return null;
        }
    }
}
