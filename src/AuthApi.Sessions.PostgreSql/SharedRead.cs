using Microsoft.Extensions.Logging;
using Npgsql;

namespace AuthApi.Sessions.PostgreSql;

/// <summary>
/// The shared liveness read: one statement returns which of the sessions that requests wait for are live, and the versions of their principals. A request is
/// answered by a statement that began after it arrived, and a commit is visible only when it is durable; so no request that starts after a logout's answer is
/// accepted, on any node.
/// </summary>
internal sealed class SharedRead(PostgreSqlDatabase database, SessionSchema schema, ILogger<SharedRead> logger) : Lane<TokenHash, int?>(database, logger)
{
    // The statement that is asked for has its own time after this.
    private static readonly TimeSpan MaxAsked = TimeSpan.FromSeconds(1);

    private readonly string _sql = $"""SELECT "Key", "PrincipalVersion" FROM {schema.Sessions} WHERE "Key" = ANY($1)""";

    /// <summary>
    /// Completes when the server has answered within the last 20 ms, or answers within a second. A statement at a server that does not answer takes a thread of the pool for as
    /// long as Npgsql tries to cancel it; so none begins there, and those who ask share one.
    /// </summary>
    /// <exception cref="StoreUnavailableException">It did not answer within a second.</exception>
    public Task EnsureAnsweringAsync() => HasAnswered ? Task.CompletedTask : AskAsync();

    // A read may be repeated.
    protected override bool IsRepeatable => true;

    protected override bool AnsweredGoFirst => true;

    protected override async Task<int?[]> ExecuteAsync(NpgsqlConnection connection, IReadOnlyList<TokenHash> calls, CancellationToken cancellationToken)
    {
        var keys = new long[calls.Count];
        for (var i = 0; i < keys.Length; i++)
        {
            keys[i] = calls[i].Prefix;
        }

        // The cached session was found by its whole hash, and no two live ones have the same key.
        var versions = new Dictionary<long, int>(keys.Length);
        await using var command = new NpgsqlCommand(_sql, connection) { CommandTimeout = 0, Parameters = { new NpgsqlParameter<long[]> { TypedValue = keys } } };
        await using (var rows = await command.ExecuteReaderAsync(cancellationToken))
        {
            while (await rows.ReadAsync(cancellationToken))
            {
                versions[rows.GetInt64(0)] = rows.GetInt32(1);
            }
        }

        var answers = new int?[keys.Length];
        for (var i = 0; i < keys.Length; i++)
        {
            answers[i] = versions.TryGetValue(keys[i], out var version) ? version : null;
        }

        return answers;
    }

    private async Task AskAsync()
    {
        try
        {
            await CallAsync(default).WaitAsync(MaxAsked);
        }
        catch (TimeoutException exception)
        {
            throw new StoreUnavailableException("The store did not answer in time.", exception);
        }
    }
}
