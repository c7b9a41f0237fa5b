using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;

namespace AuthApi.Administration;

/// <summary>
/// Where the next page of a list begins. It is bound to the filters of its list, as the next page of another one would leave rows out. It is no secret: who forges one
/// sees no row that the call does not show anyway.
/// </summary>
internal static class PageCursor
{
    private const int FilterLength = 8;

    /// <summary>Writes a cursor.</summary>
    /// <param name="filters">The filters of the list.</param>
    /// <param name="last">The last row of the page, in the order of the list.</param>
    public static string Create(string filters, string last) => Base64Url.EncodeToString([.. Bind(filters), .. Encoding.UTF8.GetBytes(last)]);

    /// <summary>Reads a cursor.</summary>
    /// <returns>The last row; <see langword="null"/> where it is no cursor of a list with these filters.</returns>
    public static string? Read(string filters, string cursor)
    {
        var bytes = new byte[1_024];
        if (!Base64Url.IsValid(cursor, out var length) || length <= FilterLength || length > bytes.Length
            || Base64Url.DecodeFromChars(cursor, bytes) != length || !bytes.AsSpan(0, FilterLength).SequenceEqual(Bind(filters)))
        {
            return null;
        }

        // No row has a control character in what it is ordered by, and PostgreSQL takes no NUL.
        var last = Encoding.UTF8.GetString(bytes, FilterLength, length - FilterLength);
        return last.Any(char.IsControl) ? null : last;
    }

    private static ReadOnlySpan<byte> Bind(string filters) => SHA256.HashData(Encoding.UTF8.GetBytes(filters)).AsSpan(0, FilterLength);
}
