using System.Buffers.Text;
using System.Net;
using System.Security.Cryptography;
using System.Text;
using AuthApi.Mail;
using Microsoft.Extensions.Options;

namespace AuthApi.AccountPage;

/// <summary>The files of the page. They are part of the program, and lie below a folder that is named by what is in all of them, so that a browser may keep each for ever.</summary>
internal sealed class AccountPageFiles
{
    private const string Prefix = "account/";
    private const string Index = "index.html";

    private readonly Dictionary<string, AccountPageFile> _files = new(StringComparer.Ordinal);

    public AccountPageFiles(IOptions<EmailOptions> email)
    {
        var product = WebUtility.HtmlEncode(email.Value.ProductName);
        var contents = typeof(AccountPageFiles).Assembly.GetManifestResourceNames()
            .Where(name => name.StartsWith(Prefix, StringComparison.Ordinal)).Order(StringComparer.Ordinal).ToDictionary(name => name[Prefix.Length..], Read);
        var version = Hash([.. contents.Values.SelectMany(content => content)])[..16];
        foreach (var (name, content) in contents.Where(file => file.Key != Index))
        {
            _files.Add($"/account/{version}/{name}", new AccountPageFile(content, ContentTypeOf(name), Hash(content), IsKept: true));
        }

        var page = Encoding.UTF8.GetBytes(Encoding.UTF8.GetString(contents[Index])
            .Replace("{version}", version, StringComparison.Ordinal).Replace("{product}", product, StringComparison.Ordinal));
        _files.Add("/account/", new AccountPageFile(page, ContentTypeOf(Index), Hash(page), IsKept: false));
    }

    /// <summary>All files, by the path that they are served at.</summary>
    public IReadOnlyDictionary<string, AccountPageFile> All => _files;

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
/// <param name="IsKept">Whether a browser may keep it without asking again.</param>
internal sealed record AccountPageFile(byte[] Content, string ContentType, string Hash, bool IsKept);
