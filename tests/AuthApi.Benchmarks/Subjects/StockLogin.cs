using AuthApi.Benchmarks.Traffic;
using Microsoft.Net.Http.Headers;

namespace AuthApi.Benchmarks.Subjects;

/// <summary>An account of the stock application, and one login to it.</summary>
internal static class StockLogin
{
    public const string Email = "ada.lovelace@example.com";
    public const string Password = "Correct-Horse-Battery-1";

    /// <summary>The cookie that the login sets, as a client sends it back.</summary>
    public static async Task<string> GetCookieAsync(Uri server)
    {
        using var handler = new HttpClientHandler { UseCookies = false };
        using var client = new HttpClient(handler) { BaseAddress = server };
        client.DefaultRequestHeaders.UserAgent.ParseAdd(HttpRequests.UserAgent);
        using var registered = await client.PostAsJsonAsync("/register/", new { Email, Password });
        registered.EnsureSuccessStatusCode();
        using var loggedIn = await client.PostAsJsonAsync("/login/", new { Email, Password });
        loggedIn.EnsureSuccessStatusCode();
        return loggedIn.Headers.GetValues(HeaderNames.SetCookie).Single().Split(';')[0];
    }
}
