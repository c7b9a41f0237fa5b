using AuthApi.Storage;
using Microsoft.EntityFrameworkCore;

namespace AuthApi.Backups;

/// <summary>Which keys of Data Protection the rows of a database need: those that the keys of authenticator apps were encrypted with.</summary>
internal static class NeededKeys
{
    // What Data Protection encrypts begins with four bytes that are always the same, and the id of the key. In base64 they are this and more.
    private const string Mark = "CfDJ8";
    private const int IdOffset = 4;
    private const int IdLength = 16;

    // Characters of base64 with the whole id in them.
    private const int Beginning = 28;

    /// <summary>Finds those that are not there.</summary>
    /// <param name="context">The database.</param>
    /// <param name="names">The names of the keys that are there, as Data Protection names them: <c>key-</c> and the id.</param>
    public static async Task<IReadOnlyList<Guid>> FindMissingAsync(AuthDbContext context, IEnumerable<string> names)
    {
        var there = names.Select(name => Guid.TryParse(name.Split("key-", 2)[^1], out var id) ? id : Guid.Empty).ToHashSet();
        return [.. (await ListAsync(context)).Distinct().Where(key => !there.Contains(key))];
    }

    /// <summary>Lists the key of each key of an app.</summary>
    public static async Task<IReadOnlyList<Guid>> ListAsync(AuthDbContext context, CancellationToken cancellationToken = default)
    {
        var needed = new List<Guid>();
        await foreach (var beginning in context.UserTokens.Where(token => token.Value!.StartsWith(Mark)).Select(token => token.Value!.Substring(0, Beginning)).AsAsyncEnumerable().WithCancellation(cancellationToken))
        {
            var bytes = new byte[Beginning];
            if (Convert.TryFromBase64String(beginning, bytes, out var length) && length >= IdOffset + IdLength)
            {
                needed.Add(new Guid(bytes.AsSpan(IdOffset, IdLength)));
            }
        }

        return needed;
    }

    /// <summary>Finds those that are not in a folder of keys.</summary>
    public static Task<IReadOnlyList<Guid>> FindMissingAsync(AuthDbContext context, string folder) =>
        FindMissingAsync(context, Directory.Exists(folder) ? Directory.GetFiles(folder, "*.xml").Select(file => Path.GetFileNameWithoutExtension(file)) : []);
}
