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

    public static byte[] Login(IPEndPoint server, string email, string password)
    {
        var body = JsonSerializer.Serialize(new { email, password });
        return Encoding.ASCII.GetBytes(
            $"POST /login/ HTTP/1.1\r\nHost: {server}\r\nUser-Agent: {UserAgent}\r\nAccept: application/json\r\n"
            + $"Content-Type: application/json\r\nContent-Length: {body.Length}\r\n\r\n{body}");
    }

    public static string SessionCookieOf(string token) => $"{SessionCookie.PlainName}={token}";

    private static byte[] Encode(string call, IPEndPoint server, string cookie, string more = "") => Encoding.ASCII.GetBytes(
        $"{call} HTTP/1.1\r\nHost: {server}\r\nUser-Agent: {UserAgent}\r\nAccept: application/json\r\nCookie: {cookie}\r\n{more}\r\n");
}
