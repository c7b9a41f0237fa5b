using System.Buffers;

namespace AuthApi.Security;

/// <summary>
/// Matches origins as browsers write them: exact ones by ordinal comparison, and <c>https://*.example.com</c> for every name below
/// <c>example.com</c>, over HTTPS and at the same port. A wildcard does not match <c>https://example.com</c> itself.
/// </summary>
internal sealed class OriginList
{
    public const string Wildcard = "https://*.";

    private const string Https = "https://";

    private static readonly SearchValues<char> NameCharacters = SearchValues.Create("abcdefghijklmnopqrstuvwxyz0123456789-_.");

    private readonly HashSet<string> _exact;

    // ".example.com", or ".example.com:8443".
    private readonly string[] _endings;

    public OriginList(IEnumerable<string> origins)
    {
        var wildcards = origins.ToLookup(origin => origin.StartsWith(Wildcard, StringComparison.Ordinal));
        _exact = wildcards[false].ToHashSet(StringComparer.Ordinal);
        _endings = [.. wildcards[true].Select(origin => origin[(Wildcard.Length - 1)..])];
    }

    public bool IsEmpty => _exact.Count == 0 && _endings.Length == 0;

    public bool Contains(string origin) => _exact.Contains(origin) || Array.Exists(_endings, ending => IsBelow(origin, ending));

    private static bool IsBelow(string origin, string ending) =>
        origin.StartsWith(Https, StringComparison.Ordinal)
        && origin.EndsWith(ending, StringComparison.Ordinal)
        && origin.Length > Https.Length + ending.Length
        && AreLabels(origin.AsSpan(Https.Length, origin.Length - Https.Length - ending.Length));

    private static bool AreLabels(ReadOnlySpan<char> name) =>
        !name.ContainsAnyExcept(NameCharacters) && name[0] != '.' && name[^1] != '.' && !name.Contains("..", StringComparison.Ordinal);
}
