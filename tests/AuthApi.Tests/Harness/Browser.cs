using System.Net;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json.Nodes;
using AuthApi.Sessions;

namespace AuthApi.Tests.Harness;

/// <summary>
/// A client: one with a cookie jar, as a browser has one, or one that sends its token in the header, as a phone does. .NET's own
/// jar is not used: it drops a <c>Secure</c> cookie over plain HTTP and compares names ignoring case.
/// </summary>
internal sealed class Browser(HttpClient client, SessionTransport transport = SessionTransport.Cookie, bool isCopy = false) : IDisposable
{
    public const string Password = "correct horse battery staple";

    private string? _headerToken;

    /// <summary>The cookies it would send, by name.</summary>
    public Dictionary<string, string> Cookies { get; } = new(StringComparer.Ordinal);

    /// <summary>The session's token, wherever this client keeps it.</summary>
    public string Token
    {
        get => _headerToken ?? Cookies.Values.Single();
        set => _headerToken = value;
    }

    /// <summary>How this client sends the token, as a request says it.</summary>
    public string Transport => transport.ToString().ToLowerInvariant();

    public Uri Address => client.BaseAddress!;

    /// <summary>Another client with a copy of the token: what a thief of it has.</summary>
    public Browser Copy()
    {
        var copy = new Browser(client, transport, isCopy: true) { _headerToken = _headerToken };
        foreach (var (name, value) in Cookies)
        {
            copy.Cookies[name] = value;
        }

        return copy;
    }

    public Task<HttpResponseMessage> GetAsync(string path) => SendAsync(HttpMethod.Get, path);

    public Task<HttpResponseMessage> DeleteAsync(string path) => SendAsync(HttpMethod.Delete, path);

    /// <summary>Posts an object as JSON, or nothing.</summary>
    public Task<HttpResponseMessage> PostAsync(string path, object? body = null) =>
        SendAsync(HttpMethod.Post, path, body is null ? null : JsonContent.Create(body));

    /// <summary>Posts this text as a body of this type.</summary>
    public Task<HttpResponseMessage> PostTextAsync(string path, string text, string contentType = "application/json") =>
        SendAsync(HttpMethod.Post, path, new StringContent(text, Encoding.UTF8, contentType));

    public async Task<HttpResponseMessage> SendAsync(
        HttpMethod method, string path, HttpContent? content = null, Action<HttpRequestMessage>? change = null, CancellationToken cancellationToken = default)
    {
        using var request = new HttpRequestMessage(method, path) { Content = content };
        if (Cookies.Count > 0)
        {
            request.Headers.TryAddWithoutValidation("Cookie", string.Join("; ", Cookies.Select(cookie => $"{cookie.Key}={cookie.Value}")));
        }

        if (_headerToken is not null)
        {
            request.Headers.TryAddWithoutValidation("Authorization", $"Session {_headerToken}");
        }

        change?.Invoke(request);
        var response = await client.SendAsync(request, cancellationToken);
        Keep(response.SetCookies());
        return response;
    }

    public async Task<int> RegisterAsync(string email = "ada@example.com", string password = Password, string? userName = null)
    {
        using var response = await PostAsync("/register/", new { email, password, userName });
        Assert.That(response.StatusCode, Is.EqualTo(HttpStatusCode.Created), await response.Content.ReadAsStringAsync());
        return (await response.JsonAsync())["id"]!.GetValue<int>();
    }

    /// <summary>Logs in and returns the session, as the API describes it.</summary>
    public async Task<JsonNode> LogInAsync(string email = "ada@example.com", string password = Password, bool rememberMe = false)
    {
        using var response = await PostAsync("/login/", new { email, password, rememberMe, transport = Transport });
        Assert.That(response.StatusCode, Is.EqualTo(HttpStatusCode.OK), await response.Content.ReadAsStringAsync());
        return await KeepTokenAsync(response);
    }

    /// <summary>Reauthenticates and returns the session, as the API describes it.</summary>
    public async Task<JsonNode> ReauthenticateAsync()
    {
        using var response = await PostAsync("/reauthenticate/", new { password = Password });
        Assert.That(response.StatusCode, Is.EqualTo(HttpStatusCode.OK), await response.Content.ReadAsStringAsync());
        return await KeepTokenAsync(response);
    }

    public Task<HttpResponseMessage> LogOutAsync(string? scope = null) => PostAsync(scope is null ? "/logout/" : $"/logout/?scope={scope}");

    /// <summary>The status of <c>GET /me/</c>: 200 where the session lives, 401 where it does not.</summary>
    public async Task<HttpStatusCode> MeAsync()
    {
        using var response = await GetAsync("/me/");
        return response.StatusCode;
    }

    public void Dispose()
    {
        // A copy shares the connection, and may be done with before the others.
        if (!isCopy)
        {
            client.Dispose();
        }
    }

    internal async Task<JsonNode> KeepTokenAsync(HttpResponseMessage response)
    {
        var json = await response.JsonAsync();
        Assert.That(json["sessionToken"] is not null, Is.EqualTo(transport == SessionTransport.Header), "a token in the body");
        _headerToken = json["sessionToken"]?.GetValue<string>();
        return json["session"]!;
    }

    private void Keep(IEnumerable<string> setCookies)
    {
        foreach (var setCookie in setCookies)
        {
            var pair = setCookie.Split(';')[0].Split('=', 2);
            if (setCookie.Contains("max-age=0", StringComparison.OrdinalIgnoreCase))
            {
                Cookies.Remove(pair[0]);
            }
            else
            {
                Cookies[pair[0]] = pair[1];
            }
        }
    }
}
