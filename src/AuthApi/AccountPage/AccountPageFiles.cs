using System.Buffers;
using System.Buffers.Text;
using System.Net;
using System.Security.Cryptography;
using System.Text;
using AuthApi.Mail;
using Microsoft.Extensions.Options;

namespace AuthApi.AccountPage;

/// <summary>
/// The files of the page. They are part of the program, and lie below a folder that is named by what is in all of them, so that a browser may keep each for ever. The page
/// itself is kept for a while; what an old page of an earlier version still asks for is answered by the module that starts it, which then loads the page again.
/// </summary>
internal sealed class AccountPageFiles
{
    private const string Prefix = "account/";
    private const string Index = "index.html";
    private const string Start = "start.js";
    private const string Folder = "/account/";
    private const int VersionLength = 16;

    private static readonly SearchValues<char> VersionCharacters = SearchValues.Create("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_");

    private readonly Dictionary<string, AccountPageFile> _files = new(StringComparer.Ordinal);
    private readonly AccountPageFile _startOfOthers;

    public AccountPageFiles(IOptions<EmailOptions> email)
    {
        var product = WebUtility.HtmlEncode(email.Value.ProductName);
        var contents = typeof(AccountPageFiles).Assembly.GetManifestResourceNames()
            .Where(name => name.StartsWith(Prefix, StringComparison.Ordinal)).Order(StringComparer.Ordinal).ToDictionary(name => name[Prefix.Length..], Read);
        var version = Hash([.. contents.Values.SelectMany(content => content)])[..VersionLength];
        foreach (var (name, content) in contents.Where(file => file.Key != Index))
        {
            _files.Add($"{Folder}{version}/{name}", new AccountPageFile(content, ContentTypeOf(name), Hash(content), "public, max-age=31536000, immutable"));
        }

        _startOfOthers = _files[$"{Folder}{version}/{Start}"] with { CacheControl = "no-store" };

        var page = Encoding.UTF8.GetBytes(Encoding.UTF8.GetString(contents[Index])
            .Replace("{version}", version, StringComparison.Ordinal).Replace("{product}", product, StringComparison.Ordinal));
        _files.Add(Folder, new AccountPageFile(page, ContentTypeOf(Index), Hash(page), "private, max-age=3600"));
    }

    /// <summary>All files, by the path that they are served at.</summary>
    public IReadOnlyDictionary<string, AccountPageFile> All => _files;

    /// <summary>The file at a path; <see langword="null"/> if there is none.</summary>
    public AccountPageFile? Find(string path) => _files.GetValueOrDefault(path) ?? (IsStartOfAnother(path) ? _startOfOthers : null);

    private static bool IsStartOfAnother(string path) =>
        path.Length == Folder.Length + VersionLength + 1 + Start.Length
        && path.StartsWith(Folder, StringComparison.Ordinal)
        && path.EndsWith($"/{Start}", StringComparison.Ordinal)
        && path.AsSpan(Folder.Length, VersionLength).IndexOfAnyExcept(VersionCharacters) < 0;

    private static byte[] Read(string name)
    {
        using var stream = typeof(AccountPageFiles).Assembly.GetManifestResourceStream(name)!;
        var content = new byte[stream.Length];
        stream.ReadExactly(content);
        return content;
    }

    private static string Hash(byte[] content) => Base64Url.EncodeToString(SHA256.HashData(content));

    private static string ContentTypeOf(string name) => Path.GetExtension(name) switch
    {
        ".html" => "text/html; charset=utf-8",
        ".js" => "text/javascript; charset=utf-8",
        ".css" => "text/css; charset=utf-8",
        ".svg" => "image/svg+xml",
        _ => throw new InvalidOperationException($"{name} has a type that the page does not serve."),
    };
}

/// <summary>A file of the page.</summary>
/// <param name="Content">What is in it.</param>
/// <param name="ContentType">Its type.</param>
/// <param name="Hash">The hash of what is in it.</param>
/// <param name="CacheControl">How long a browser may keep it without asking again.</param>
internal sealed record AccountPageFile(byte[] Content, string ContentType, string Hash, string CacheControl);
