using Npgsql;

namespace AuthApi.Sessions.PostgreSql;

/// <summary>What a PostgreSQL server is and promises, as a connection to it sees: its version, whether it takes writes, and when a commit is durable.</summary>
public sealed class ServerState
{
    private const int MinVersion = 150_000;

    private readonly int _versionNumber;
    private readonly bool _takesWrites;
    private readonly string _synchronousCommit;

    internal ServerState(int versionNumber, string version, bool takesWrites, string synchronousCommit, string standbys, bool syncs)
    {
        (_versionNumber, _takesWrites, _synchronousCommit) = (versionNumber, takesWrites, synchronousCommit);
        (Version, Standbys, Syncs) = (version, standbys, syncs);
    }

    /// <summary>The server's version, as it names itself.</summary>
    public string Version { get; }

    /// <summary><c>synchronous_standby_names</c>; empty where there are none.</summary>
    public string Standbys { get; }

    /// <summary>Whether the server waits for its disk (<c>fsync</c>).</summary>
    public bool Syncs { get; }

    /// <summary>Whether a commit waits until a synchronous standby has it on its disk.</summary>
    public bool WaitsForStandby => Standbys.Length > 0 && _synchronousCommit is ("on" or "remote_apply");

    /// <summary>Why sessions cannot be served from it, as the end of a sentence that begins with the server; <see langword="null"/> where they can.</summary>
    public string? Refusal =>
        _versionNumber < MinVersion ? $"is version {Version}; 15 or later is needed."
        : !_takesWrites ? "is a standby, or takes no writes; name the primary, or all hosts with commas between them."
        : _synchronousCommit == "off" ? "has synchronous_commit off: a logout would be answered before it is durable. Set it to on for this user or database."
        : null;

    /// <summary>What holds of a logout that was answered, as the end of a sentence.</summary>
    public string Promise =>
        !Syncs ? "fsync is off, so a logout that was answered is undone where the machine fails; there is no other promise"
        : Standbys.Length == 0 ? "a logout is on the disk of this server before it is answered; there is no synchronous standby, so a failover to another server can undo the latest"
        : WaitsForStandby ? $"a logout is on the disk of the primary and of the synchronous standby ({Standbys}) before it is answered, and survives a failover to that"
        : _synchronousCommit == "remote_write" ? $"a logout is on the disk of the primary and in the memory of the synchronous standby ({Standbys}) before it is answered; a failover undoes the latest where both machines fail at once (synchronous_commit is remote_write)"
        : $"a logout is on the disk of this server before it is answered; it waits for no standby (synchronous_commit is {_synchronousCommit}), so a failover can undo the latest";

    /// <summary>Reads the state.</summary>
    /// <param name="connection">An open connection, with the user and the database whose settings count.</param>
    /// <param name="cancellationToken">Cancels the read.</param>
    /// <exception cref="NpgsqlException">The server did not answer.</exception>
    public static async Task<ServerState> ReadAsync(NpgsqlConnection connection, CancellationToken cancellationToken = default)
    {
        await using var command = new NpgsqlCommand(
            """
            SELECT current_setting('server_version_num')::int, current_setting('server_version'), pg_is_in_recovery() OR current_setting('default_transaction_read_only') = 'on',
                current_setting('synchronous_commit'), current_setting('synchronous_standby_names'), current_setting('fsync') = 'on'
            """,
            connection);
        await using var row = await command.ExecuteReaderAsync(cancellationToken);
        await row.ReadAsync(cancellationToken);
        return new ServerState(row.GetInt32(0), row.GetString(1), !row.GetBoolean(2), row.GetString(3), row.GetString(4), row.GetBoolean(5));
    }
}
