using System.Diagnostics;
using System.Globalization;
using AuthApi.Sessions;
using AuthApi.Storage;
using Microsoft.EntityFrameworkCore;

namespace AuthApi.Administration;

/// <summary>
/// Everybody's live sessions: listed, and ended, by the same filters. They are ended a few at a time with a pause after each few, so that a logout waits behind a few of them
/// and not behind all.
/// </summary>
internal sealed class SessionAdministration(
    IDbContextFactory<AuthDbContext> contexts, UserSessionManager sessions, TimeProvider time)
{
    /// <summary>The reason in the events of sessions that an administrator has ended.</summary>
    public const string EndReason = "administrator";

    // How many rows are read at a time, and how many ends wait for the store at once: the store commits those of one moment together.
    private const int Batch = 500;
    private const int EndsAtOnce = 16;

    // Of how many keys a range is that is looked through for sessions to end.
    private const int KeysInRange = 2_000;

    /// <summary>Reads a page, in the order of the rows.</summary>
    /// <returns>The sessions, where the next page begins, and how many there are in all; <see langword="null"/> where <paramref name="after"/> is not of this list.</returns>
    public Task<(IReadOnlyList<FoundSession> Items, string? Next, int Total)?> ReadAsync(SessionFilter filter, string? after, int limit) =>
        OutsideAsync(() => ReadCoreAsync(filter, after, limit));

    /// <summary>Whether the filter selects this session.</summary>
    public async Task<bool> IsSelectedAsync(SessionFilter filter, Guid sessionId)
    {
        await sessions.WriteLastUsesAsync();
        await using var context = await contexts.CreateDbContextAsync();
        var rows = await filter.Apply(context.Set<UserSession>().AsNoTracking(), time.GetUtcNow()).Where(session => session.Id == sessionId).ToListAsync();
        return rows.Exists(filter.IsMet);
    }

    /// <summary>Ends the sessions that there are now and that the filter selects. When it returns, none of their tokens is accepted.</summary>
    /// <param name="filter">Which.</param>
    /// <param name="cause">Why.</param>
    /// <param name="except">One that stays.</param>
    /// <param name="onEnded">Gets how many have ended, after each few of them.</param>
    /// <param name="cancellationToken">Stops it; what has ended stays ended.</param>
    /// <returns>How many.</returns>
    public Task<int> EndAsync(SessionFilter filter, SessionEnd cause, Guid? except = null, Action<int>? onEnded = null, CancellationToken cancellationToken = default) =>
        OutsideAsync(() => EndCoreAsync(filter, cause, except, onEnded, cancellationToken));

    // A request may wait for the store for a short time, in all. This may take as long as it takes.
    private static Task<TResult> OutsideAsync<TResult>(Func<Task<TResult>> action)
    {
        using (ExecutionContext.SuppressFlow())
        {
            return Task.Run(action);
        }
    }

    private async Task<(IReadOnlyList<FoundSession> Items, string? Next, int Total)?> ReadCoreAsync(SessionFilter filter, string? after, int limit)
    {
        var from = long.MinValue;
        if (after is not null && (PageCursor.Read(filter.Text, after) is not { } last || !long.TryParse(last, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out from)))
        {
            return null;
        }

        // The rows know what this process knows of last uses.
        await sessions.WriteLastUsesAsync();
        await using var context = await contexts.CreateDbContextAsync();
        context.Database.SetCommandTimeout(TimeSpan.FromSeconds(60));
        var now = time.GetUtcNow();
        var items = new List<FoundSession>();
        await foreach (var session in FindAsync(context, filter, now, after is null ? null : from))
        {
            items.Add(session);
            if (items.Count > limit)
            {
                break;
            }
        }

        var total = filter.IsMetByRow
            ? await FindAsync(context, filter, now, null).CountAsync()
            : await filter.Apply(context.Set<UserSession>().AsNoTracking(), now).CountAsync();
        return items.Count > limit
            ? (items[..limit], PageCursor.Create(filter.Text, items[limit - 1].Row.Key.ToString(CultureInfo.InvariantCulture)), total)
            : (items, null, total);
    }

    private async Task<int> EndCoreAsync(SessionFilter filter, SessionEnd cause, Guid? except, Action<int>? onEnded, CancellationToken cancellationToken)
    {
        await sessions.WriteLastUsesAsync();
        var (ended, now) = (0, time.GetUtcNow());
        var ahead = await FindAheadAsync(filter, now, cancellationToken);
        while (true)
        {
            // A renewal moves a row, perhaps to where it was looked for already: it is looked for until none is left.
            var found = await EndOnceAsync(filter, cause, except, now, ahead, Count, cancellationToken);
            if (found == 0)
            {
                return ended;
            }
        }

        void Count(int count)
        {
            ended += count;
            onEnded?.Invoke(count);
        }
    }

    // Those that began by a clock that is ahead of this one. Their ids are read at once, so that those that begin later, in whatever number, are not among them.
    private async Task<HashSet<Guid>> FindAheadAsync(SessionFilter filter, DateTimeOffset now, CancellationToken cancellationToken)
    {
        await using var context = await contexts.CreateDbContextAsync(cancellationToken);
        context.Database.SetCommandTimeout(TimeSpan.FromSeconds(60));
        return await filter.Apply(context.Set<UserSession>().AsNoTracking(), now)
            .Where(session => session.CreatedAt > now).Select(session => session.Id).ToHashSetAsync(cancellationToken);
    }

    private async Task<int> EndOnceAsync(
        SessionFilter filter, SessionEnd cause, Guid? except, DateTimeOffset now, HashSet<Guid> ahead, Action<int> count, CancellationToken cancellationToken)
    {
        var found = 0;
        await using var context = await contexts.CreateDbContextAsync(cancellationToken);
        context.Database.SetCommandTimeout(TimeSpan.FromSeconds(60));

        // Those of a user are found by the index over users.
        var sought = filter.UserId is null ? FindInRangesAsync(context, filter, now) : FindAsync(context, filter, now, null);
        var meant = sought.Where(session => (session.Row.CreatedAt <= now || ahead.Contains(session.Row.Id)) && session.Row.Id != except);
        await foreach (var batch in meant.Chunk(Batch).WithCancellation(cancellationToken))
        {
            foreach (var some in batch.Chunk(EndsAtOnce))
            {
                var began = Stopwatch.GetTimestamp();
                var ends = some.Select(session => sessions.EndAsync(session.UserId, session.Row.Id, cause)).ToList();
                try
                {
                    await Task.WhenAll(ends);
                }
                finally
                {
                    // Where the store fails for one of them, others have ended.
                    count(ends.Count(end => end is { IsCompletedSuccessfully: true, Result: not null }));
                }

                // Twice as long as they took: two thirds of the store's time, and of the processors', are for others.
                await Task.Delay(2 * Stopwatch.GetElapsedTime(began), TimeProvider.System, cancellationToken);
            }

            found += batch.Length;
        }

        return found;
    }

    // In pages of what the filter selects, by the key, so that no read is open while others write.
    private static async IAsyncEnumerable<FoundSession> FindAsync(AuthDbContext context, SessionFilter filter, DateTimeOffset now, long? after)
    {
        for (var from = after; ;)
        {
            var rows = filter.Apply(context.Set<UserSession>().AsNoTracking(), now);
            if (from is { } last)
            {
                rows = rows.Where(session => session.Key > last);
            }

            var page = await ReadAsync(rows.OrderBy(session => session.Key).Take(Batch));
            foreach (var found in page.Where(found => filter.IsMet(found.Row)))
            {
                yield return found;
            }

            if (page.Count < Batch)
            {
                yield break;
            }

            from = page[^1].Row.Key;
        }
    }

    // To look through all of them in many short reads: for a page of what a filter selects PostgreSQL may read and sort the whole table, on all processors.
    private static async IAsyncEnumerable<FoundSession> FindInRangesAsync(AuthDbContext context, SessionFilter filter, DateTimeOffset now)
    {
        var rest = context.Set<UserSession>().AsNoTracking();
        while (await rest.OrderBy(session => session.Key).Skip(KeysInRange - 1).Select(session => (long?)session.Key).FirstOrDefaultAsync() is { } last)
        {
            foreach (var found in (await ReadAsync(filter.Apply(rest.Where(session => session.Key <= last), now))).Where(found => filter.IsMet(found.Row)))
            {
                yield return found;
            }

            rest = context.Set<UserSession>().AsNoTracking().Where(session => session.Key > last);
        }

        foreach (var found in (await ReadAsync(filter.Apply(rest, now))).Where(found => filter.IsMet(found.Row)))
        {
            yield return found;
        }
    }

    private static async Task<List<FoundSession>> ReadAsync(IQueryable<UserSession> sessions) =>
        (await sessions.Select(session => new { session, UserId = EF.Property<int>(session, "UserKey") }).ToListAsync())
        .ConvertAll(row => new FoundSession(row.UserId.ToString(CultureInfo.InvariantCulture), row.session));
}

/// <summary>A session that was found, and its user's id.</summary>
internal sealed record FoundSession(string UserId, UserSession Row);
