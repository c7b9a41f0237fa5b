using System.Threading.Channels;
using AuthApi.Sessions;
using Microsoft.Data.Sqlite;

namespace AuthApi.Benchmarks.Subjects;

/// <summary>How a bare server makes the end of a session durable. This one does not: the dictionary is all there is.</summary>
internal class BareLog
{
    public virtual void Open(string path, IEnumerable<TokenHash> sessions)
    {
    }

    public virtual Task EndAsync(TokenHash hash) => Task.CompletedTask;
}

/// <summary>
/// One writer that commits all waiting logouts together, into SQLite that syncs its log at each commit: a row a session, by the hash of its
/// token. No timer: a batch is what gathered during the last commit.
/// </summary>
internal sealed class BareGroupCommit : BareLog
{
    private readonly Channel<(TokenHash Hash, TaskCompletionSource Ended)> _waiting =
        Channel.CreateUnbounded<(TokenHash, TaskCompletionSource)>(new() { SingleReader = true });

    private readonly SqliteCommand _begin = new("BEGIN IMMEDIATE");
    private readonly SqliteCommand _commit = new("COMMIT");
    private readonly SqliteCommand _delete = new("DELETE FROM Sessions WHERE TokenHash = $hash");
    private readonly SqliteParameter _hash = new("$hash", SqliteType.Blob);

    public override void Open(string path, IEnumerable<TokenHash> sessions)
    {
        var connection = new SqliteConnection($"Data Source={path};Pooling=False");
        connection.Open();
        using var create = new SqliteCommand(
            """
            PRAGMA journal_mode=WAL;
            PRAGMA synchronous=FULL;
            CREATE TABLE Sessions (TokenHash BLOB PRIMARY KEY) WITHOUT ROWID;
            """,
            connection);
        create.ExecuteNonQuery();
        _begin.Connection = _commit.Connection = _delete.Connection = connection;
        _delete.Parameters.Add(_hash);
        Fill(connection, sessions);
        _begin.Prepare();
        _commit.Prepare();
        _delete.Prepare();
        _ = Task.Run(WriteAsync);
    }

    public override Task EndAsync(TokenHash hash)
    {
        var ended = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        _waiting.Writer.TryWrite((hash, ended));
        return ended.Task;
    }

    private async Task WriteAsync()
    {
        var batch = new List<TaskCompletionSource>();
        while (await _waiting.Reader.WaitToReadAsync())
        {
            _begin.ExecuteNonQuery();
            while (_waiting.Reader.TryRead(out var next))
            {
                _hash.Value = next.Hash.ToArray();
                _delete.ExecuteNonQuery();
                batch.Add(next.Ended);
            }

            _commit.ExecuteNonQuery();
            batch.ForEach(ended => ended.SetResult());
            batch.Clear();
        }
    }

    private void Fill(SqliteConnection connection, IEnumerable<TokenHash> sessions)
    {
        using var insert = new SqliteCommand("INSERT INTO Sessions VALUES ($hash)", connection);
        var hash = insert.Parameters.Add("$hash", SqliteType.Blob);
        _begin.ExecuteNonQuery();
        foreach (var session in sessions)
        {
            hash.Value = session.ToArray();
            insert.ExecuteNonQuery();
        }

        _commit.ExecuteNonQuery();
    }
}
