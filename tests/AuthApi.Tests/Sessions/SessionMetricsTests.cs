using System.Diagnostics.Metrics;
using System.Net;
using AuthApi.Sessions;
using AuthApi.Tests.Harness;
using Microsoft.Extensions.DependencyInjection;

namespace AuthApi.Tests.Sessions;

/// <summary>The metrics of sessions.</summary>
internal sealed class SessionMetricsTests
{
    private AuthApiApplication _application = null!;
    private Numbers _numbers = null!;

    [SetUp]
    public void SetUp()
    {
        _application = new AuthApiApplication(settings: new() { ["Sessions:MaxPerUser"] = "2" });
        _numbers = new Numbers(_application.Services.GetRequiredService<IMeterFactory>());
    }

    [TearDown]
    public async Task TearDown()
    {
        _numbers.Dispose();
        await _application.DisposeAsync();
    }

    [Test]
    public async Task Starts_are_counted_by_transport()
    {
        using var laptop = await _application.NewLoggedInBrowserAsync();
        using var phone = await _application.NewLoggedInBrowserAsync("eve@example.com", SessionTransport.Header);
        using var another = _application.NewBrowser(transport: SessionTransport.Header);
        await another.LogInAsync();

        Assert.That(_numbers["authapi.sessions.started{transport=cookie}"], Is.EqualTo(1));
        Assert.That(_numbers["authapi.sessions.started{transport=header}"], Is.EqualTo(2));
    }

    [Test]
    public async Task An_end_is_counted_once_by_its_reason()
    {
        // Two sessions, one of which the user replaces; a third evicts the least recently used; the rest is revoked, and logged out.
        using var first = await _application.NewLoggedInBrowserAsync();
        await first.LogInAsync();
        Assert.That(_numbers["authapi.sessions.ended{reason=replaced}"], Is.EqualTo(1));

        using var second = _application.NewBrowser();
        await second.LogInAsync();
        using var third = _application.NewBrowser();
        await third.LogInAsync();
        Assert.That(_numbers["authapi.sessions.ended{reason=evicted}"], Is.EqualTo(1));

        using var others = await third.LogOutAsync("others");
        Assert.That(_numbers["authapi.sessions.ended{reason=revoked}"], Is.EqualTo(1));

        var copy = third.Copy();
        using var logout = await third.LogOutAsync();
        using var again = await copy.LogOutAsync();
        Assert.That(again.StatusCode, Is.EqualTo(HttpStatusCode.Unauthorized));
        Assert.That(_numbers["authapi.sessions.ended{reason=signed_out}"], Is.EqualTo(1), "the second ended nothing");

        await first.LogInAsync();
        _application.Time.Advance(TimeSpan.FromMinutes(31));
        Assert.That(() => _numbers["authapi.sessions.ended{reason=expired}"], Is.EqualTo(1).After(10_000, 20));
    }

    [Test]
    public async Task Live_sessions_are_counted_in_the_store_and_then_tracked()
    {
        Assert.That(_numbers["authapi.sessions.live"], Is.Null, "nobody listened at the start, so nobody counted");

        using var first = await _application.NewLoggedInBrowserAsync();
        using var second = await _application.NewLoggedInBrowserAsync("eve@example.com");
        _application.Time.Advance(TimeSpan.FromMinutes(5));
        Assert.That(() => _numbers["authapi.sessions.live"], Is.EqualTo(2).After(10_000, 20), "at the next cleanup");

        using var third = _application.NewBrowser();
        await third.LogInAsync();
        Assert.That(_numbers["authapi.sessions.live"], Is.EqualTo(3));

        using var logout = await first.LogOutAsync();
        Assert.That(_numbers["authapi.sessions.live"], Is.EqualTo(2));
    }

    [Test]
    public async Task The_cache_counts_hits_and_misses()
    {
        using var browser = await _application.NewLoggedInBrowserAsync();
        var (hits, misses) = (_numbers["authapi.sessions.cache.hits"], _numbers["authapi.sessions.cache.misses"]);

        await browser.MeAsync();
        Assert.That(_numbers["authapi.sessions.cache.misses"] - misses, Is.EqualTo(1), "read from the store");
        Assert.That(_numbers["authapi.sessions.cache.hits"] - hits, Is.Zero);

        await browser.MeAsync();
        await browser.MeAsync();
        Assert.That(_numbers["authapi.sessions.cache.misses"] - misses, Is.EqualTo(1));
        Assert.That(_numbers["authapi.sessions.cache.hits"] - hits, Is.EqualTo(2));

        // There, but not to be believed any more.
        _application.Services.GetRequiredService<SessionCache>().InvalidateEveryone();
        await browser.MeAsync();
        Assert.That(_numbers["authapi.sessions.cache.misses"] - misses, Is.EqualTo(2));
        Assert.That(_numbers["authapi.sessions.cache.hits"] - hits, Is.EqualTo(2));
    }
}
