using System.Globalization;
using AuthApi.Storage;
using Microsoft.AspNetCore.Identity;
using Microsoft.EntityFrameworkCore;

namespace AuthApi.Administration;

/// <summary>
/// Accounts, in pages that each read a bounded number of rows by an index, however many accounts there are. Without a search they are in the order of their ids. A search
/// finds the account with an id first, then those whose chosen user name begins with the text, then those whose address does.
/// </summary>
internal sealed class UserList(AuthDbContext context, ILookupNormalizer normalizer)
{
    // What follows every text that begins with another.
    private const string End = "\U0010FFFF";

    // How many rows a page reads at most. One that finds fewer than were asked for still says where the next begins.
    private const int MaxRead = 1_000;

    /// <summary>Reads a page.</summary>
    /// <param name="search">The beginning of an address or user name, or an id; nothing for everybody.</param>
    /// <param name="after">The last of the page before.</param>
    /// <param name="limit">How many at most.</param>
    /// <returns>The accounts, and where the next page begins; <see langword="null"/> where <paramref name="after"/> is not of this list.</returns>
    public async Task<(IReadOnlyList<UserItem> Items, string? Next)?> ReadAsync(string? search, string? after, int limit)
    {
        var filters = $"users {search}";
        var last = after is null ? "" : PageCursor.Read(filters, after);
        var page = last is null ? null
            : string.IsNullOrWhiteSpace(search) ? await ReadAllAsync(last, limit)
            : await SearchAsync(search.Trim(), last, limit);
        if (page is null)
        {
            return null;
        }

        var (users, next) = page.Value;
        return (await WithRolesAsync(users), next is null ? null : PageCursor.Create(filters, next));
    }

    private async Task<(List<ApplicationUser> Users, string? Next)?> ReadAllAsync(string last, int limit)
    {
        var id = 0;
        if (last.Length > 0 && !int.TryParse(last, NumberStyles.None, CultureInfo.InvariantCulture, out id))
        {
            return null;
        }

        var users = await context.Users.AsNoTracking().Where(user => user.Id > id).OrderBy(user => user.Id).Take(limit + 1).ToListAsync();
        return Page(users, limit, user => user.Id.ToString(CultureInfo.InvariantCulture));
    }

    // A cursor is the list it is in, and the last row of it.
    private async Task<(List<ApplicationUser> Users, string? Next)?> SearchAsync(string search, string last, int limit)
    {
        var prefix = normalizer.NormalizeName(search)!;
        var id = int.TryParse(search, NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number : -1;
        var found = new List<ApplicationUser>();
        if (last.Length == 0)
        {
            found.AddRange(await context.Users.AsNoTracking().Where(user => user.Id == id).ToListAsync());
            last = "n";
        }

        if (last[0] == 'n')
        {
            // The condition on both columns is the partial index's. There is one lower bound: of two, SQLite finds the first by the index and reads on to the second.
            var after = last[1..];
            var read = await context.Users.FromSql(
                $"""
                SELECT * FROM "AspNetUsers" WHERE "NormalizedUserName" <> "NormalizedEmail" AND "NormalizedUserName" >= {Later(prefix, after)} AND "NormalizedUserName" < {prefix + End} AND "NormalizedUserName" <> {after}
                ORDER BY "NormalizedUserName" LIMIT {limit + 1}
                """).AsNoTracking().ToListAsync();
            found.AddRange(read.Where(user => user.Id != id));
            if (found.Count > limit)
            {
                return Page(found, limit, user => user.Id == id ? "n" : "n" + user.NormalizedUserName);
            }

            // The one with the id was among them.
            if (read.Count > limit)
            {
                return (found, "n" + read[^1].NormalizedUserName);
            }

            last = "e";
        }

        if (last[0] != 'e')
        {
            return null;
        }

        // As many as are missing, and on where some of them were found by their names.
        var from = last[1..];
        for (var read = 0; read < MaxRead; read += limit + 1)
        {
            var emails = await context.Users.FromSql(
                $"""
                SELECT * FROM "AspNetUsers" WHERE "NormalizedEmail" >= {Later(prefix, from)} AND "NormalizedEmail" < {prefix + End} AND "NormalizedEmail" <> {from}
                ORDER BY "NormalizedEmail" LIMIT {limit + 1}
                """).AsNoTracking().ToListAsync();
            foreach (var user in emails)
            {
                var isNamed = user.NormalizedUserName != user.NormalizedEmail && user.NormalizedUserName!.StartsWith(prefix, StringComparison.Ordinal);
                if (user.Id != id && !isNamed)
                {
                    if (found.Count == limit)
                    {
                        return (found, "e" + from);
                    }

                    found.Add(user);
                }

                from = user.NormalizedEmail!;
            }

            if (emails.Count <= limit)
            {
                return (found, null);
            }
        }

        return (found, "e" + from);
    }

    private static string Later(string prefix, string after) => after.Length == 0 ? prefix : after;

    private static (List<ApplicationUser> Users, string? Next) Page(List<ApplicationUser> users, int limit, Func<ApplicationUser, string> key) =>
        users.Count > limit ? (users[..limit], key(users[limit - 1])) : (users, null);

    private async Task<IReadOnlyList<UserItem>> WithRolesAsync(List<ApplicationUser> users)
    {
        if (users.Count == 0)
        {
            return [];
        }

        var ids = users.ConvertAll(user => user.Id);
        var roles = (await (from member in context.UserRoles
                            join role in context.Roles on member.RoleId equals role.Id
                            where ids.Contains(member.UserId)
                            select new { member.UserId, role.Name }).ToListAsync()).ToLookup(row => row.UserId, row => row.Name!);
        return users.ConvertAll(user => UserItem.From(user, [.. roles[user.Id].Order(StringComparer.Ordinal)]));
    }
}
