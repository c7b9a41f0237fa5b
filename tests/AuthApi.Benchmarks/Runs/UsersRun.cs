using System.Diagnostics;
using System.Globalization;
using System.Text.Json.Nodes;
using AuthApi.Administration;
using AuthApi.Benchmarks.Subjects;
using AuthApi.Benchmarks.Traffic;
using AuthApi.Tests.Harness;
using Microsoft.Data.Sqlite;
using Npgsql;

namespace AuthApi.Benchmarks.Runs;

/// <summary>
/// How long an administrator waits for what is read among so many users: one request at a time, the calls by turns, each with another user, page or text than the time before.
/// </summary>
internal static class UsersRun
{
    private const int SessionsPerUser = 10;

    // Of so many users one has sessions, and ten of them.
    private const int UsersPerSession = 10;

    // One of so many users has chosen a name.
    private const int UsersPerName = 10;

    private const int WarmUps = 50;
    private static readonly TimeSpan MaxCall = TimeSpan.FromMinutes(1);

    public static async Task RunAsync(RunOptions options)
    {
        var users = options.Number ?? options.Choose(full: 1_000_000, quick: 100_000);
        var turns = options.Choose(full: 1_000, quick: 300);
        var sessions = Math.Max(SessionsPerUser, users / UsersPerSession / SessionsPerUser * SessionsPerUser);
        if (users <= sessions)
        {
            throw new ArgumentException($"There must be more than {sessions} users.");
        }

        using var factory = new SubjectFactory(options.AuthApi, otherAuthApi: null);
        var rows = new List<string>();
        Progress.Write($"seeding {users:N0} users and starting the server on SQLite");
        rows.AddRange(await MeasureAsync(
            await factory.StartAuthApiAsync("SQLite", sessions, folder =>
            {
                SeedSqlite(folder, sessions / SessionsPerUser, users);
                Administrator.Create(ServerArguments.ForAuthApi(options.AuthApi, folder));
            }),
            users,
            sessions,
            turns));
        if (PostgreSqlCluster.IsInstalled)
        {
            Progress.Write($"seeding {users:N0} users and starting the server on PostgreSQL");
            var postgreSql = await factory.StartAuthApiOnPostgreSqlAsync("PostgreSQL", sessions);
            await SeedPostgreSqlAsync(postgreSql.ConnectionString!, sessions / SessionsPerUser, users);
            Administrator.Create(ServerArguments.ForAuthApiOnPostgreSql(options.AuthApi, postgreSql.ConnectionString!));
            rows.AddRange(await MeasureAsync(postgreSql, users, sessions, turns));
        }
        else
        {
            Progress.Write("PostgreSQL is skipped: there is none in /usr/lib/postgresql (Debian's package postgresql)");
        }

        Console.WriteLine($"""

            **What an administrator reads among {users:N0} users** with {sessions:N0} live sessions and {users + sessions:N0} events, {turns:N0} times each, one request at a time.

            | store | call | p50, ms | p99, ms | max, ms |
            |---|---|---:|---:|---:|
            {string.Join(Environment.NewLine, rows)}
            """);
    }

    private static async Task<IEnumerable<string>> MeasureAsync(Subject subject, int users, int sessions, int turns)
    {
        // The same ones in each run.
        var dice = new Dice(1);
        var signedIn = sessions / SessionsPerUser;
        (string Name, Func<string> Path)[] calls =
        [
            ("the first page of users", () => "/admin/users/"),
            ("a page in the middle, by its cursor", () => $"/admin/users/?after={PageCursor.Create("users ", Number(AnyUser()))}"),
            ("search: the beginning of an address", () => $"/admin/users/?search=user{AnyUser() / 10}"),
            ("search: one letter, which nearly all have", () => "/admin/users/?search=u"),
            ("search: a page in the middle, by its cursor", () => $"/admin/users/?search=user&after={PageCursor.Create("users user", $"eUSER{AnyUser()}")}"),
            ("search: the beginning of a name", () => $"/admin/users/?search=name{AnyUser() / 10}"),
            ("search: an id", () => $"/admin/users/?search={AnyUser()}"),
            ("search: nobody", () => $"/admin/users/?search=nobody{AnyUser()}"),
            ("one user", () => $"/admin/users/{AnyUser()}/"),
            ("one user's sessions", () => $"/admin/users/{AnySignedIn()}/sessions/"),
            ("everybody's sessions, by user", () => $"/admin/sessions/?userId={AnySignedIn()}"),
            ("everybody's sessions, by address", () => $"/admin/sessions/?ipAddress=203.0.113.{1 + dice.Next(200)}"),
            ("everybody's sessions, by device", () => "/admin/sessions/?device=Phone"),
            ("everybody's sessions", () => "/admin/sessions/"),
            ("events of a user", () => $"/admin/audit/?userId={AnySignedIn()}"),
            ("events of everybody, the latest", () => "/admin/audit/"),
        ];
        using var client = await Administrator.LogInAsync(subject, MaxCall);
        await CheckAsync(client, users, sessions);
        var latencies = calls.Select(_ => new Latencies(turns)).ToArray();
        for (var turn = -WarmUps; turn < turns; turn++)
        {
            for (var call = 0; call < calls.Length; call++)
            {
                var path = calls[call].Path();
                var startedAt = Stopwatch.GetTimestamp();
                using var response = await client.GetAsync(new Uri(path, UriKind.Relative));
                var elapsed = Stopwatch.GetTimestamp() - startedAt;
                if (!response.IsSuccessStatusCode)
                {
                    throw new InvalidDataException($"{path}: {await response.Content.ReadAsStringAsync()}");
                }

                if (turn >= 0)
                {
                    latencies[call].Add(elapsed);
                }
            }
        }

        Progress.Write($"{subject.Title}: the highest p99 is {latencies.Max(measured => measured.P99):N1} ms");
        return calls.Zip(latencies, (call, measured) => string.Create(
            CultureInfo.InvariantCulture, $"| {subject.Title} | {call.Name} | {measured.P50:N1} | {measured.P99:N1} | {measured.Max:N1} |"));

        int AnyUser() => signedIn + 1 + dice.Next(users - signedIn);

        int AnySignedIn() => 1 + dice.Next(signedIn);
    }

    // What is measured finds what is there.
    private static async Task CheckAsync(HttpClient client, int users, int sessions)
    {
        var middle = users / 2;
        Check((int)(await ReadAsync($"/admin/users/?after={PageCursor.Create("users ", Number(middle))}"))["items"]![0]!["id"]!, middle + 1);
        Check((int)(await ReadAsync($"/admin/users/?search=user{users}@"))["items"]![0]!["id"]!, users);
        Check((int)(await ReadAsync($"/admin/users/?search=name{users / UsersPerName * UsersPerName}"))["items"]![0]!["id"]!, users / UsersPerName * UsersPerName);

        // And the administrator's.
        Check((int)(await ReadAsync("/admin/sessions/"))["total"]!, sessions + 1);

        // A sign-in for each session, and one that failed.
        Check((await ReadAsync("/admin/audit/?userId=1"))["items"]!.AsArray().Count, SessionsPerUser + 1);

        static void Check(int found, int expected)
        {
            if (found != expected)
            {
                throw new InvalidDataException($"{found} was found, where {expected} should be.");
            }
        }

        async Task<JsonNode> ReadAsync(string path) => JsonNode.Parse(await client.GetStringAsync(new Uri(path, UriKind.Relative)))!;
    }

    private static string Number(int value) => value.ToString(CultureInfo.InvariantCulture);

    // The users up to one of them are there, with their sessions and the events of their sign-ins.
    private static void SeedSqlite(string folder, int seeded, int users)
    {
        using var connection = new SqliteConnection($"Data Source={DataFolder.AuthApiDatabase(folder)};Pooling=False");
        connection.Open();
        using var command = new SqliteCommand(
            $"""
            PRAGMA synchronous=OFF;
            PRAGMA cache_size=-500000;
            BEGIN;
            CREATE TEMP TABLE "Added" AS WITH RECURSIVE "Counted"(i) AS (SELECT $seeded + 1 UNION ALL SELECT i + 1 FROM "Counted" WHERE i < $users)
                SELECT i, 'user' || i || '@example.com' AS email, iif(i % {UsersPerName} = 0, 'name' || i, 'user' || i || '@example.com') AS name FROM "Counted";
            INSERT INTO "AspNetUsers" ("Id", "UserName", "NormalizedUserName", "Email", "NormalizedEmail", "EmailConfirmed", "PhoneNumberConfirmed", "TwoFactorEnabled", "LockoutEnabled",
                "AccessFailedCount", "CreatedAt", "SecurityStamp")
                SELECT i, name, upper(name), email, upper(email), 1, 0, 0, 1, 0, $now, hex(randomblob(16)) FROM "Added";
            INSERT INTO "AuditEntries" ("At", "Event", "UserId", "IpAddress") SELECT $now, 'SignInFailed', "Id", '203.0.113.7' FROM "AspNetUsers";
            UPDATE "UserSessions" SET "IpAddress" = '203.0.113.' || (1 + "UserId" % 200), "UserAgent" = iif("UserId" % 100 = 0, 'Phone', "UserAgent");
            COMMIT;
            PRAGMA wal_checkpoint(TRUNCATE);
            """,
            connection);
        command.Parameters.AddWithValue("$seeded", seeded);
        command.Parameters.AddWithValue("$users", users);
        command.Parameters.AddWithValue("$now", TimeProvider.System.GetUtcNow().ToUnixTimeMilliseconds());
        command.CommandTimeout = 0;
        command.ExecuteNonQuery();
    }

    private static async Task SeedPostgreSqlAsync(string connectionString, int seeded, int users)
    {
        string[] statements =
        [
            $"""
            INSERT INTO "AspNetUsers" ("Id", "UserName", "NormalizedUserName", "Email", "NormalizedEmail", "EmailConfirmed", "PhoneNumberConfirmed", "TwoFactorEnabled", "LockoutEnabled",
                "AccessFailedCount", "CreatedAt", "SecurityStamp")
                SELECT i, name, upper(name), email, upper(email), true, false, false, true, 0, now(), md5(i::text)
                FROM (SELECT i, 'user' || i || '@example.com' AS email, CASE WHEN i % {UsersPerName} = 0 THEN 'name' || i ELSE 'user' || i || '@example.com' END AS name
                    FROM generate_series({seeded + 1}, {users}) i) added
            """,
            """SELECT setval(pg_get_serial_sequence('"AspNetUsers"', 'Id'), (SELECT max("Id") FROM "AspNetUsers"))""",
            """INSERT INTO "AuditEntries" ("At", "Event", "UserId", "IpAddress") SELECT now(), 'SignInFailed', "Id", '203.0.113.7' FROM "AspNetUsers" """,
            """UPDATE "UserSessions" SET "IpAddress" = '203.0.113.' || (1 + "UserId" % 200), "UserAgent" = CASE WHEN "UserId" % 100 = 0 THEN 'Phone' ELSE "UserAgent" END""",
            "VACUUM ANALYZE",
            "CHECKPOINT",
        ];
        await using var source = NpgsqlDataSource.Create(connectionString);
        foreach (var statement in statements)
        {
            await using var command = source.CreateCommand(statement);
            command.CommandTimeout = 0;
            await command.ExecuteNonQueryAsync();
        }
    }
}
