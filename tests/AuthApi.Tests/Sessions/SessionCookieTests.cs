using System.Net;
using AuthApi.Sessions;
using AuthApi.Tests.Harness;
using Microsoft.Data.Sqlite;
using Microsoft.Extensions.DependencyInjection;

namespace AuthApi.Tests.Sessions;

/// <summary>Which <c>Cookie</c> headers are a session, and which are none.</summary>
internal sealed class SessionCookieTests
{
    private AuthApiApplication _application = null!;
    private Browser _browser = null!;
    private string _token = null!;

    [OneTimeSetUp]
    public async Task SetUp()
    {
        _application = new AuthApiApplication();
        _browser = await _application.NewLoggedInBrowserAsync();
        _token = _browser.Token;
        _browser.Cookies.Clear();
    }

    [OneTimeTearDown]
    public async Task TearDown()
    {
        _browser.Dispose();
        await _application.DisposeAsync();
    }

    [TestCase("__Host-session=T", HttpStatusCode.OK)]
    [TestCase("a=b; __Host-session=T; c=d", HttpStatusCode.OK)]
    [TestCase("a=b;__Host-session=T;c=d", HttpStatusCode.OK)]
    [TestCase("__Host-session=T; __Host-session=T", HttpStatusCode.OK)]
    [TestCase("__host-session=T", HttpStatusCode.Unauthorized)]
    [TestCase("__HOST-SESSION=T", HttpStatusCode.Unauthorized)]
    [TestCase("__%48ost-session=T", HttpStatusCode.Unauthorized)]
    [TestCase("session=T", HttpStatusCode.Unauthorized, Description = "the name over plain HTTP")]
    [TestCase("__Host-session2=T", HttpStatusCode.Unauthorized)]
    [TestCase("__Host-session=\"T\"", HttpStatusCode.Unauthorized)]
    [TestCase("__Host-session=T.", HttpStatusCode.Unauthorized)]
    [TestCase("__Host-session=%T", HttpStatusCode.Unauthorized)]
    [TestCase("__Host-session=", HttpStatusCode.Unauthorized)]
    [TestCase("__Host-session", HttpStatusCode.Unauthorized)]
    [TestCase("__Host-session=A; __Host-session=T", HttpStatusCode.Unauthorized)]
    [TestCase("__Host-session=T; __Host-session=A", HttpStatusCode.Unauthorized)]
    [TestCase("__Host-session=T; __Host-session=", HttpStatusCode.Unauthorized)]
    [TestCase(";;;=;", HttpStatusCode.Unauthorized)]
    [TestCase("=", HttpStatusCode.Unauthorized)]
    public async Task OnlyTheExactCookieIsASession(string header, HttpStatusCode status)
    {
        using var response = await SendAsync(header.Replace("T", _token, StringComparison.Ordinal));

        Assert.That(response.StatusCode, Is.EqualTo(status));
        if (status == HttpStatusCode.Unauthorized)
        {
            await response.ShouldBeNotAuthenticatedAsync();
            Assert.That(response.SetCookies().Any(), Is.EqualTo(header.Contains("__Host-session=", StringComparison.Ordinal)), "what came is removed");
        }
    }

    [Test]
    public async Task TwoSessionsOfTwoCookiesAreBothLeftAsTheyAre()
    {
        using var other = _application.NewBrowser();
        await other.LogInAsync();

        using var response = await _browser.SendAsync(
            HttpMethod.Post, "/logout/", change: request => request.Headers.Add("Cookie", $"__Host-session={_token}; __Host-session={other.Token}"));

        await response.ShouldBeNotAuthenticatedAsync();
        Assert.That(await other.MeAsync(), Is.EqualTo(HttpStatusCode.OK));
        using var me = await SendAsync($"__Host-session={_token}");
        Assert.That(me.StatusCode, Is.EqualTo(HttpStatusCode.OK));
    }

    [TestCase(44)]
    [TestCase(4_096)]
    [TestCase(16_000)]
    public async Task GarbageOfAnyLengthIsNoSession(int length)
    {
        using var response = await SendAsync("__Host-session=" + new string('x', length));

        await response.ShouldBeNotAuthenticatedAsync();
    }

    [TestCase("/me/?token=T")]
    [TestCase("/me/?access_token=T")]
    [TestCase("/me/?__Host-session=T")]
    public async Task ATokenInTheAddressIsNoSession(string path)
    {
        using var response = await _browser.GetAsync(path.Replace("T", _token, StringComparison.Ordinal));

        await response.ShouldBeNotAuthenticatedAsync();
    }

    [Test]
    public async Task ATokenThatWasNeverIssuedIsNoSessionAndMakesNoRow()
    {
        var before = (await _application.StoredSessionsAsync()).Count;

        using var response = await SendAsync("__Host-session=" + SessionToken.Create().Reveal());

        await response.ShouldBeNotAuthenticatedAsync();
        Assert.That(await _application.StoredSessionsAsync(), Has.Count.EqualTo(before));
    }

    [Test]
    public async Task AFloodOfUnknownTokensWritesNothingAndIsNotKept()
    {
        await using var watcher = new SqliteConnection($"Data Source={_application.DatabaseFile};Pooling=False");
        await watcher.OpenAsync();
        var cache = _application.Services.GetRequiredService<SessionCache>();
        var (version, kept) = (await DataVersionAsync(watcher), cache.Count);

        for (var guess = 0; guess < 1_000; guess++)
        {
            using var response = await SendAsync("__Host-session=" + SessionToken.Create().Reveal());
            Assert.That(response.StatusCode, Is.EqualTo(HttpStatusCode.Unauthorized));
        }

        Assert.That(await DataVersionAsync(watcher), Is.EqualTo(version), "no other connection has committed anything");
        Assert.That(cache.Count, Is.EqualTo(kept));
        using var other = _application.NewBrowser();
        await other.LogInAsync();
        Assert.That(await DataVersionAsync(watcher), Is.Not.EqualTo(version), "a write is seen");
    }

    [Test]
    public async Task OverPlainHttpInDevelopmentTheCookieHasAnotherName()
    {
        using var plain = _application.NewBrowser("http");

        using var response = await plain.PostAsync("/login/", new { email = "ada@example.com", password = Browser.Password });

        Assert.That(response.SetCookies().Single(), Does.Match("^session=[A-Za-z0-9_-]{43}; path=/; samesite=strict; httponly$"));
        Assert.That(await plain.MeAsync(), Is.EqualTo(HttpStatusCode.OK));
        using var logout = await plain.LogOutAsync();
        Assert.That(logout.SetCookies().Single(), Does.StartWith("session=; expires=Thu, 01 Jan 1970"));
    }

    private static async Task<long> DataVersionAsync(SqliteConnection connection)
    {
        await using var command = connection.CreateCommand();
        command.CommandText = "PRAGMA data_version";
        return (long)(await command.ExecuteScalarAsync())!;
    }

    private Task<HttpResponseMessage> SendAsync(string cookieHeader) =>
        _browser.SendAsync(HttpMethod.Get, "/me/", change: request => request.Headers.TryAddWithoutValidation("Cookie", cookieHeader));
}
