using System.Net;
using System.Text;
using System.Text.Json;
using AuthApi.Sessions;

namespace AuthApi.Benchmarks.Traffic;

/// <summary>The requests of the comparison, as bytes ready to be sent.</summary>
internal static class HttpRequests
{
    public const string UserAgent = "AuthApi.Benchmarks/1.0";

    public static byte[] Me(IPEndPoint server, string cookie) => Encode("GET /me/", server, cookie);

    public static byte[] Logout(IPEndPoint server, string cookie) => Encode("POST /logout/", server, cookie, "Content-Length: 0\r\n");

    public static byte[] Login(IPEndPoint server, string email, string password) => Post(server, "/login/", new { email, password });

    /// <summary>A call with a body and without a session.</summary>
    public static byte[] Post(IPEndPoint server, string path, object body, string? userAgent = null)
    {
        var json = JsonSerializer.Serialize(body, JsonSerializerOptions.Web);
        return Encoding.ASCII.GetBytes(
            $"POST {path} HTTP/1.1\r\nHost: {server}\r\nUser-Agent: {userAgent ?? UserAgent}\r\nAccept: application/json\r\n"
            + $"Content-Type: application/json\r\nContent-Length: {json.Length}\r\n\r\n{json}");
    }

    public static string SessionCookieOf(string token) => $"{SessionCookie.PlainName}={token}";

    private static byte[] Encode(string call, IPEndPoint server, string cookie, string more = "") => Encoding.ASCII.GetBytes(
        $"{call} HTTP/1.1\r\nHost: {server}\r\nUser-Agent: {UserAgent}\r\nAccept: application/json\r\nCookie: {cookie}\r\n{more}\r\n");
}
