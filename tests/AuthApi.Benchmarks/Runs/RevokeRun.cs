using System.Diagnostics;
using System.Globalization;
using System.Text.Json.Nodes;
using AuthApi.Benchmarks.Subjects;
using AuthApi.Benchmarks.Traffic;
using Microsoft.Data.Sqlite;
using Npgsql;

namespace AuthApi.Benchmarks.Runs;

/// <summary>
/// How long those who log out wait while an administrator ends so many sessions in one call: the same modest traffic before and during it. Afterwards tokens of ended
/// sessions are used again.
/// </summary>
internal static class RevokeRun
{
    private const int SessionsPerUser = 10;

    // What the sessions that are ended are marked with.
    private const string Marked = "revoked";

    private static readonly TimeSpan Piece = TimeSpan.FromSeconds(0.5);
    private static readonly TimeSpan MaxCall = TimeSpan.FromMinutes(2);

    public static async Task RunAsync(RunOptions options)
    {
        var count = options.Number ?? options.Choose(full: 100_000, quick: 10_000);
        var quiet = TimeSpan.FromSeconds(options.Choose(full: 10, quick: 3));
        var others = (PacedLoad.SessionsFor(quiet + quiet + MaxCall) / SessionsPerUser + 1) * SessionsPerUser;
        using var factory = new SubjectFactory(options.AuthApi, otherAuthApi: null);
        var rows = new List<string>();
        Progress.Write("starting the server on SQLite");
        var sqlite = await factory.StartAuthApiAsync("AuthApi on SQLite", count + others, folder =>
        {
            MarkSqlite(folder, count);
            Administrator.Create(ServerArguments.ForAuthApi(options.AuthApi, folder));
        });
        rows.Add(await MeasureAsync(sqlite, count, quiet));
        Progress.Write("starting the server on PostgreSQL");
        var postgreSql = await factory.StartAuthApiOnPostgreSqlAsync("AuthApi on PostgreSQL", count + others);
        await MarkPostgreSqlAsync(postgreSql.ConnectionString!, count);
        Administrator.Create(ServerArguments.ForAuthApiOnPostgreSql(options.AuthApi, postgreSql.ConnectionString!));
        rows.Add(await MeasureAsync(postgreSql, count, quiet));
        Console.WriteLine($"""

            **{count:N0} sessions ended by one call of an administrator.** Beside it {PacedLoad.Description}.

            | | the call, s | sessions/s | logout quiet p50, ms | p99, ms | max, ms | during the call p50, ms | p99, ms | max, ms | p99 during / quiet |
            |---|---:|---:|---:|---:|---:|---:|---:|---:|---:|
            {string.Join(Environment.NewLine, rows)}
            """);
    }

    private static async Task<string> MeasureAsync(Subject subject, int count, TimeSpan quiet)
    {
        var tokens = DataFolder.ReadTokens(subject.Folder).ToList();
        var others = new Subject(subject.Title, subject.Server, subject.Folder, tokens[count..].ConvertAll(HttpRequests.SessionCookieOf));
        using var client = await Administrator.LogInAsync(subject, MaxCall);

        // The first one warms up.
        NewLoad().Measure(quiet);
        var (_, before) = NewLoad().Measure(quiet);
        Progress.Write($"{subject.Title}: logout p99 {before.P99:N1} ms; ending {count:N0} sessions");

        var began = Stopwatch.GetTimestamp();
        var call = EndAsync(client);
        var during = new Latencies();
        while (!call.IsCompleted)
        {
            during.Add(NewLoad().Measure(Piece).Logout);
        }

        var ended = await call;
        var seconds = ended.Elapsed.TotalSeconds;
        if (ended.Count != count)
        {
            throw new InvalidDataException($"{ended.Count} sessions ended, where {count} should have ({Stopwatch.GetElapsedTime(began)}).");
        }

        // None is accepted; the load beside it expects that the others are.
        var every = Math.Max(1, count / Workload.Replayed);
        new LoadGenerator(subject.Server, connections: 1).SendOnce(
            [.. tokens.Take(count).Where((_, index) => index % every == 0).Select(token => subject.Me(HttpRequests.SessionCookieOf(token)))], StatusCodes.Status401Unauthorized);
        return string.Create(
            CultureInfo.InvariantCulture,
            $"| {subject.Title} | {seconds:N1} | {count / seconds:N0} | {before.P50:N1} | {before.P99:N1} | {before.Max:N1} | {during.P50:N1} | {during.P99:N1} | {during.Max:N1} | {during.P99 / before.P99:N1} |");

        // One keeps what it has measured.
        PacedLoad NewLoad() => new(others);
    }

    private static async Task<(int Count, TimeSpan Elapsed)> EndAsync(HttpClient client)
    {
        var began = Stopwatch.GetTimestamp();
        using var response = await client.DeleteAsync(new Uri($"/admin/sessions/?device={Marked}", UriKind.Relative));
        response.EnsureSuccessStatusCode();
        return ((int)JsonNode.Parse(await response.Content.ReadAsStringAsync())!["endedSessions"]!, Stopwatch.GetElapsedTime(began));
    }

    private static void MarkSqlite(string folder, int count)
    {
        using var connection = new SqliteConnection($"Data Source={DataFolder.AuthApiDatabase(folder)};Pooling=False");
        connection.Open();
        using var command = new SqliteCommand("""UPDATE "UserSessions" SET "UserAgent" = $mark WHERE "UserId" <= $users""", connection);
        command.Parameters.AddWithValue("$mark", Marked);
        command.Parameters.AddWithValue("$users", count / SessionsPerUser);
        command.ExecuteNonQuery();
    }

    private static async Task MarkPostgreSqlAsync(string connectionString, int count)
    {
        await using var connection = new NpgsqlConnection(connectionString);
        await connection.OpenAsync();
        await using var command = new NpgsqlCommand("""UPDATE "UserSessions" SET "UserAgent" = $1 WHERE "UserId" <= $2""", connection)
        {
            Parameters = { new() { Value = Marked }, new() { Value = count / SessionsPerUser } },
            CommandTimeout = 0,
        };
        await command.ExecuteNonQueryAsync();
        command.Parameters.Clear();

        // The rows of users were inserted with their ids.
        command.CommandText = """SELECT setval(pg_get_serial_sequence('"AspNetUsers"', 'Id'), (SELECT max("Id") FROM "AspNetUsers"))""";
        await command.ExecuteNonQueryAsync();
        command.CommandText = "VACUUM ANALYZE";
        await command.ExecuteNonQueryAsync();
    }
}
