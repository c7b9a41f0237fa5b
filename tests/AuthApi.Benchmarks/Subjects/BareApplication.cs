using System.Buffers.Text;
using System.Collections.Concurrent;
using System.Net;
using AuthApi.Sessions;
using Microsoft.Extensions.Primitives;

namespace AuthApi.Benchmarks.Subjects;

/// <summary>
/// Where the limit lies: Kestrel and one delegate, without routing, MVC or Identity. A request costs the reading of its cookie, the
/// SHA-256 of the token and a look in a dictionary; the answers are constants, as long as AuthApi's. What a logout writes is the log's.
/// </summary>
internal sealed class BareApplication(BareLog log, IEnumerable<string> tokens)
{
    /// <summary>The answer to <c>GET /me/</c>.</summary>
    public static readonly byte[] Me =
        """
        {"id":10000,"email":"0123456789ab@example.com","emailConfirmed":false,"userName":"0123456789ab@example.com","roles":[],"twoFactorEnabled":false,"session":{"id":"01890a5d-ac96-774b-bcce-b302099a8057","current":true,"createdAt":"2026-01-02T03:04:05.678+00:00","lastSeenAt":"2026-01-02T03:04:05.678+00:00","expiresAt":"2026-01-02T03:34:05.678+00:00","ipAddress":"127.0.0.1","userAgent":"AuthApi.Benchmarks/1.0","device":null,"transport":"cookie","authenticationMethods":["pwd"]}}
        """u8.ToArray();

    /// <summary>The answer to <c>POST /logout/</c>.</summary>
    public static readonly byte[] LoggedOut = """{"message":"Logout successful. User id: 10000"}"""u8.ToArray();

    private const int TokenBytes = 32;
    private const string Cookie = $"{SessionCookie.PlainName}=";

    private readonly ConcurrentDictionary<TokenHash, byte[]> _sessions = new(
        tokens.Select(text => TokenHash.Of(Base64Url.DecodeFromChars(text))).Select(hash => KeyValuePair.Create(hash, Me)));

    public static async Task RunAsync(BareLog log, string folder, Uri url)
    {
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore().ConfigureKestrel(options => options.Listen(IPEndPoint.Parse(url.Authority)));
        await using var app = builder.Build();
        var application = new BareApplication(log, DataFolder.ReadTokens(folder));
        log.Open(DataFolder.BareDatabase(folder, log.GetType().Name), application._sessions.Keys);
        app.Run(application.AnswerAsync);
        await app.RunAsync();
    }

    public static async Task WriteAsync(HttpContext context, byte[] answer)
    {
        context.Response.ContentType = "application/json; charset=utf-8";
        context.Response.ContentLength = answer.Length;
        await context.Response.BodyWriter.WriteAsync(answer);
    }

    public static bool TryReadToken(StringValues cookies, out TokenHash hash)
    {
        Span<byte> token = stackalloc byte[TokenBytes];
        if (cookies is [{ } cookie]
            && cookie.StartsWith(Cookie, StringComparison.Ordinal)
            && Base64Url.TryDecodeFromChars(cookie.AsSpan(Cookie.Length), token, out var length)
            && length == TokenBytes)
        {
            hash = TokenHash.Of(token);
            return true;
        }

        hash = default;
        return false;
    }

    private Task AnswerAsync(HttpContext context)
    {
        if (!TryReadToken(context.Request.Headers.Cookie, out var hash) || !_sessions.TryGetValue(hash, out var answer))
        {
            context.Response.StatusCode = StatusCodes.Status401Unauthorized;
            return Task.CompletedTask;
        }

        return HttpMethods.IsPost(context.Request.Method) ? LogOutAsync(context, hash) : WriteAsync(context, answer);
    }

    private async Task LogOutAsync(HttpContext context, TokenHash hash)
    {
        await log.EndAsync(hash);
        _sessions.TryRemove(hash, out _);
        await WriteAsync(context, LoggedOut);
    }
}
