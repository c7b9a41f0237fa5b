using System.Globalization;
using AuthApi.Sessions;
using AuthApi.Sessions.PostgreSql;
using Npgsql;

namespace AuthApi.Security;

/// <summary>A bucket of <see cref="SharedCounts"/>.</summary>
/// <param name="Key">Whose it is, and of which count.</param>
/// <param name="Refill">How long one takes to come back.</param>
internal readonly record struct SharedBucket(string Key, TimeSpan Refill)
{
    /// <summary>The buckets of a client in a count: those that <see cref="ClientCount"/> has.</summary>
    /// <param name="count">The name of the count.</param>
    /// <param name="client">The client.</param>
    /// <param name="size">How many one client may take at once, and again in the course of each <paramref name="window"/>.</param>
    /// <param name="window">How long an empty bucket takes to be full.</param>
    public static IEnumerable<SharedBucket> Of(string count, CountedClient client, long size, TimeSpan window)
    {
        yield return Of(client.IsIpv6 ? 64 : 32, client, times: 1);
        if (client.IsIpv6)
        {
            yield return Of(ClientCount.WiderBits, client.Network(ClientCount.WiderBits), ClientCount.WiderTimes);
            yield return Of(ClientCount.WidestBits, client.Network(ClientCount.WidestBits), ClientCount.WidestTimes);
        }

        SharedBucket Of(int bits, CountedClient network, long times) =>
            new(string.Create(CultureInfo.InvariantCulture, $"{count} {network.Kind} {network.Value:x16}/{bits}"), window / (times * size));
    }
}

/// <summary>
/// The counts of tries of a password and of registrations that hold on all nodes together: buckets as <see cref="ClientBuckets{TClient}"/> has them, in a
/// table of PostgreSQL, by its clock. There are none on SQLite, which one process serves.
/// </summary>
internal sealed partial class SharedCounts(TimeProvider time, ILogger<SharedCounts> logger, PostgreSqlConnections? connections = null) : BackgroundService
{
    // Of a bucket that others empty at this moment the last part sees what it was before: then there is one after a refill at the latest.
    private const string Take =
        """
        WITH asked AS (
            SELECT a."Key", a."Refill" FROM unnest($1::text[], $2::interval[]) AS a("Key", "Refill")
        ), taken AS (
            INSERT INTO "RateLimits" AS l ("Key", "FullAt") SELECT "Key", now() + "Refill" FROM asked ORDER BY "Key"
            ON CONFLICT ("Key") DO UPDATE SET "FullAt" =
                CASE WHEN l."FullAt" > now() + $3 + $4 THEN excluded."FullAt" ELSE greatest(l."FullAt", now()) + (excluded."FullAt" - now()) END
            WHERE l."FullAt" > now() + $3 + $4 OR l."FullAt" + (excluded."FullAt" - now()) <= now() + $3 + interval '1 millisecond'
            RETURNING l."Key"
        )
        SELECT a."Key", t."Key" IS NOT NULL, CASE WHEN l."FullAt" + a."Refill" - now() > $3 THEN l."FullAt" + a."Refill" - now() - $3 ELSE a."Refill" END
        FROM asked AS a LEFT JOIN taken AS t USING ("Key") LEFT JOIN "RateLimits" AS l USING ("Key")
        """;

    private const string Return =
        """
        WITH locked AS MATERIALIZED (
            SELECT l."Key", a."Refill" FROM "RateLimits" AS l JOIN unnest($1::text[], $2::interval[]) AS a("Key", "Refill") USING ("Key") ORDER BY "Key" FOR UPDATE OF l
        )
        UPDATE "RateLimits" AS l SET "FullAt" = l."FullAt" - r."Refill" FROM locked AS r WHERE l."Key" = r."Key"
        """;

    private const string DeleteFull =
        """DELETE FROM "RateLimits" WHERE "Key" IN (SELECT "Key" FROM "RateLimits" WHERE "FullAt" < now() FOR UPDATE SKIP LOCKED)""";

    private static readonly TimeSpan BetweenSweeps = TimeSpan.FromMinutes(10);

    // No bucket is that much further from full than an empty one, unless the server's clock was ahead: then it counts as full.
    private static readonly TimeSpan ClockWasAhead = TimeSpan.FromMinutes(1);

    /// <summary>Whether there are any.</summary>
    public bool Exist => connections is not null;

    /// <summary>Takes one from each of the buckets, or from none.</summary>
    /// <param name="buckets">The buckets.</param>
    /// <param name="window">How long an empty one of them takes to be full.</param>
    /// <returns><see langword="null"/> if there was one in each; else how long until there will be.</returns>
    public async Task<TimeSpan?> TryTakeAsync(IReadOnlyList<SharedBucket> buckets, TimeSpan window)
    {
        var refused = await StoreWaitBudget.WaitForCommitAsync(TakeAsync(buckets, window));
        if (refused.Count == 0)
        {
            return null;
        }

        var taken = buckets.Where(bucket => !refused.ContainsKey(bucket.Key)).ToList();
        if (taken.Count > 0)
        {
            await ReturnAsync(taken);
        }

        return refused.Values.Max();
    }

    /// <summary>Puts one back into each of the buckets. What fails is logged: somebody then has one less.</summary>
    public async Task ReturnAsync(IReadOnlyList<SharedBucket> buckets)
    {
        try
        {
            await connections!.RunAsync(async (connection, cancellationToken) =>
            {
                await using var command = Command(connection, Return, buckets);
                return await command.ExecuteNonQueryAsync(cancellationToken);
            });
        }
        catch (Exception exception)
        {
            Log.NotReturned(logger, exception.Message);
        }
    }

    /// <summary>Deletes the buckets that are full again, which are like those that were never used.</summary>
    public async Task SweepAsync()
    {
        await using var command = connections!.DataSource.CreateCommand(DeleteFull);
        await command.ExecuteNonQueryAsync();
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        if (!Exist)
        {
            return;
        }

        using var timer = new PeriodicTimer(BetweenSweeps, time);
        while (await timer.WaitForNextTickAsync(stoppingToken))
        {
            try
            {
                await SweepAsync();
            }
            catch (Exception exception)
            {
                Log.NotSwept(logger, exception.Message);
            }
        }
    }

    // Those that had none, and how long until they will have one.
    private Task<Dictionary<string, TimeSpan>> TakeAsync(IReadOnlyList<SharedBucket> buckets, TimeSpan window) => connections!.RunAsync(async (connection, cancellationToken) =>
    {
        await using var command = Command(connection, Take, buckets);
        command.Parameters.Add(new NpgsqlParameter<TimeSpan> { TypedValue = window });
        command.Parameters.Add(new NpgsqlParameter<TimeSpan> { TypedValue = ClockWasAhead });
        await using var rows = await command.ExecuteReaderAsync(cancellationToken);
        var refused = new Dictionary<string, TimeSpan>();
        while (await rows.ReadAsync(cancellationToken))
        {
            if (!rows.GetBoolean(1))
            {
                refused.Add(rows.GetString(0), rows.GetTimeSpan(2));
            }
        }

        return refused;
    });

    private static NpgsqlCommand Command(NpgsqlConnection connection, string sql, IReadOnlyList<SharedBucket> buckets)
    {
        var command = new NpgsqlCommand(sql, connection);
        command.Parameters.Add(new NpgsqlParameter<string[]> { TypedValue = [.. buckets.Select(bucket => bucket.Key)] });
        command.Parameters.Add(new NpgsqlParameter<TimeSpan[]> { TypedValue = [.. buckets.Select(bucket => bucket.Refill)] });
        return command;
    }

    private static partial class Log
    {
        [LoggerMessage(1, LogLevel.Warning, "A count of the rate limits was not put back: {Message}")]
        public static partial void NotReturned(ILogger logger, string message);

        [LoggerMessage(2, LogLevel.Warning, "Old counts of the rate limits were not deleted; the next try is in ten minutes: {Message}")]
        public static partial void NotSwept(ILogger logger, string message);
    }
}
