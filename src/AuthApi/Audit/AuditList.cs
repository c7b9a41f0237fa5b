using System.Globalization;
using AuthApi.Sessions;
using AuthApi.Storage;
using Microsoft.EntityFrameworkCore;

namespace AuthApi.Audit;

/// <summary>Which events are meant. All that are given must hold.</summary>
/// <param name="UserId">Those of this account.</param>
/// <param name="Event">Those of this kind, as it is stored.</param>
/// <param name="From">Those at this time or later.</param>
/// <param name="To">Those before this time.</param>
internal sealed record AuditFilter(int? UserId, string? Event, DateTimeOffset? From, DateTimeOffset? To);

/// <summary>Everybody's events, in pages that each read a bounded number of rows.</summary>
internal sealed class AuditList(AuthDbContext context, SettledEvents settled, BoundedEvents bounded)
{
    // Events of one kind are looked for among so many ids at a time, and so many times for a page.
    private const long Window = 100_000;
    private const int MaxWindows = 10;

    /// <summary>Reads the events before one, the latest first.</summary>
    /// <returns>The events, and the <paramref name="before"/> of the next page; <see langword="null"/> on the last one.</returns>
    public async Task<(IReadOnlyList<AuditItem> Items, long? Next)> ReadBeforeAsync(AuditFilter filter, long? before, int limit)
    {
        await bounded.WriteAsync();
        var upper = before ?? (await context.Set<AuditEntry>().MaxAsync(entry => (long?)entry.Id) ?? 0) + 1;
        var items = new List<AuditItem>();
        for (var windows = 0; windows < MaxWindows; windows++)
        {
            var lower = IsShort(filter) ? 0 : Math.Max(0, upper - Window);
            var missing = limit - items.Count;
            var rows = Select(filter).Where(row => row.Entry.Id < upper && row.Entry.Id >= lower).OrderByDescending(row => row.Entry.Id).Take(missing + 1);
            var read = await rows.ToListAsync();
            items.AddRange(read.Take(missing).Select(AuditItem.From));
            if (read.Count > missing)
            {
                return (items, long.Parse(items[^1].Id, CultureInfo.InvariantCulture));
            }

            upper = lower;
            if (lower == 0)
            {
                return (items, null);
            }
        }

        return (items, upper);
    }

    /// <summary>
    /// Reads the events after one, the earliest first, up to the last settled one: who reads on from the answer misses none and sees none twice.
    /// </summary>
    /// <returns>The events, and the <paramref name="after"/> to go on with.</returns>
    public async Task<(IReadOnlyList<AuditItem> Items, long Next)> ReadAfterAsync(AuditFilter filter, long after, int limit)
    {
        await bounded.WriteAsync();
        var last = await settled.FindLastAsync(context);
        var upper = IsShort(filter) ? last : Math.Min(last, after + (Window * MaxWindows));
        var read = await Select(filter).Where(row => row.Entry.Id > after && row.Entry.Id <= upper).OrderBy(row => row.Entry.Id).Take(limit).ToListAsync();
        var items = read.ConvertAll(AuditItem.From);
        return (items, items.Count == limit ? read[^1].Entry.Id : Math.Max(after, upper));
    }

    // Whether a page reads few rows in any case: an account's are found by an index, and those of which no filter leaves one out by their ids.
    private static bool IsShort(AuditFilter filter) => filter.UserId is not null || filter is { Event: null, From: null, To: null };

    private IQueryable<AuditRow> Select(AuditFilter filter)
    {
        var entries = context.Set<AuditEntry>().AsNoTracking();
        if (filter.UserId is { } userId)
        {
            entries = entries.Where(entry => EF.Property<int?>(entry, "UserKey") == userId);
        }

        if (filter.Event is { } kind)
        {
            entries = entries.Where(entry => entry.Event == kind);
        }

        if (filter.From is { } from)
        {
            var utc = from.ToUniversalTime();
            entries = entries.Where(entry => entry.At >= utc);
        }

        if (filter.To is { } to)
        {
            var utc = to.ToUniversalTime();
            entries = entries.Where(entry => entry.At < utc);
        }

        return entries.Select(entry => new AuditRow
        {
            Entry = entry,
            UserId = EF.Property<int?>(entry, "UserKey"),
            ByUserId = EF.Property<int?>(entry, AuthDbContext.ByUserId),
        });
    }
}

/// <summary>An event as it was read.</summary>
internal sealed record AuditRow
{
    public required AuditEntry Entry { get; init; }

    public required int? UserId { get; init; }

    public required int? ByUserId { get; init; }
}
