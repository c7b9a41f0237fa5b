using System.Net;
using System.Net.Sockets;
using System.Text;
using AuthApi.Sessions;
using AuthApi.Tests.Harness;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Mvc.ApiExplorer;
using Microsoft.Extensions.DependencyInjection;

namespace AuthApi.Tests.Accounts;

/// <summary>The call that the product is for, by either way that a token travels.</summary>
[TestFixture(SessionTransport.Cookie, TestedStore.Sqlite)]
[TestFixture(SessionTransport.Header, TestedStore.Sqlite)]
[TestFixture(SessionTransport.Cookie, TestedStore.PostgreSql)]
[TestFixture(SessionTransport.Header, TestedStore.PostgreSql)]
internal sealed class LogoutTests(SessionTransport transport, TestedStore database)
{
    private AuthApiApplication _application = null!;
    private Browser _browser = null!;

    [OneTimeSetUp]
    public void OneTimeSetUp() => database.Require();

    [SetUp]
    public async Task SetUp()
    {
        _application = new AuthApiApplication(store: database);
        _browser = await _application.NewLoggedInBrowserAsync(transport: transport);
    }

    [TearDown]
    public async Task TearDown()
    {
        _browser.Dispose();
        await _application.DisposeAsync();
    }

    [Test]
    public async Task Logout_answers_as_the_contract_says()
    {
        using var response = await _browser.LogOutAsync();

        using (Assert.EnterMultipleScope())
        {
            Assert.That(response.StatusCode, Is.EqualTo(HttpStatusCode.OK));
            Assert.That(await response.Content.ReadAsStringAsync(), Is.EqualTo("""{"message":"Logout successful. User id: 1"}"""));
            Assert.That(response.Content.Headers.ContentType!.ToString(), Is.EqualTo("application/json; charset=utf-8"));
            Assert.That(response.Headers.CacheControl!.ToString(), Is.EqualTo("no-store"));
            Assert.That(response.Headers.Contains("Clear-Site-Data"), Is.False, "it would empty the origin for every tab");
            Assert.That(response.SetCookies(), Is.EqualTo(transport == SessionTransport.Cookie
                ? new[] { "__Host-session=; expires=Thu, 01 Jan 1970 00:00:00 GMT; max-age=0; path=/; secure; samesite=strict; httponly" }
                : []));
        }
    }

    [Test]
    public async Task Logout_ends_the_session_so_every_path_refuses_its_token()
    {
        using var thief = _browser.Copy();
        var protectedCalls = _application.Services.GetRequiredService<IApiDescriptionGroupCollectionProvider>().ApiDescriptionGroups.Items
            .SelectMany(group => group.Items)
            .Where(call => call.ActionDescriptor.EndpointMetadata.OfType<Microsoft.AspNetCore.Authorization.IAuthorizeData>().Any())
            .ToList();
        Assert.That(protectedCalls, Has.Count.GreaterThanOrEqualTo(2));

        using var logout = await _browser.LogOutAsync();

        Assert.That(logout.StatusCode, Is.EqualTo(HttpStatusCode.OK));
        foreach (var call in protectedCalls)
        {
            using var response = await thief.Copy().SendAsync(new HttpMethod(call.HttpMethod!), "/" + call.RelativePath!.Replace("{id}", "x", StringComparison.Ordinal));
            await response.ShouldBeNotAuthenticatedAsync();
            var logsOut = call.RelativePath!.TrimEnd('/') == "logout";
            Assert.That(response.SetCookies().Any(), Is.EqualTo(logsOut && transport == SessionTransport.Cookie), "only logging out removes the cookie");
        }
    }

    [TestCase("current")]
    [TestCase("all")]
    public async Task Clear_site_data_is_sent_where_a_cookie_session_ends(string scope)
    {
        await using var application = new AuthApiApplication(settings: new() { ["Sessions:ClearSiteData"] = "\"storage\"" }, store: database);
        using var browser = await application.NewLoggedInBrowserAsync(transport: transport);
        using var others = await browser.LogOutAsync("others");
        Assert.That(others.Headers.Contains("Clear-Site-Data"), Is.False, "this session has not ended");

        using var response = await browser.LogOutAsync(scope);

        Assert.That(response.Headers.TryGetValues("Clear-Site-Data", out var values) ? values : [], Is.EqualTo(
            transport == SessionTransport.Cookie ? new[] { "\"storage\"" } : []));
    }

    [Test]
    public async Task The_row_is_deleted_and_the_event_written_before_the_answer()
    {
        using var response = await _browser.LogOutAsync();

        Assert.That(await _application.StoredSessionsAsync(), Is.Empty);
        Assert.That(await _application.EventsAsync(1), Is.EqualTo(new[] { AuditEvent.SignedIn, AuditEvent.SignedOut }));
    }

    [Test]
    public async Task A_second_logout_is_not_authenticated()
    {
        using var copy = _browser.Copy();
        using var first = await _browser.LogOutAsync();

        using var second = await copy.LogOutAsync();
        using var stranger = _application.NewBrowser();
        using var withoutCookie = await stranger.LogOutAsync();

        await second.ShouldBeNotAuthenticatedAsync();
        Assert.That(second.SetCookies().Any(), Is.EqualTo(transport == SessionTransport.Cookie));
        await withoutCookie.ShouldBeNotAuthenticatedAsync();
        Assert.That(withoutCookie.SetCookies(), Is.Empty, "there is no cookie to remove");
    }

    [Test]
    public async Task Another_device_and_another_user_are_unaffected()
    {
        using var phone = _application.NewBrowser(transport: transport);
        await phone.LogInAsync("ada@example.com");
        using var bob = await _application.NewLoggedInBrowserAsync("bob@example.com", transport);

        using var response = await _browser.LogOutAsync();

        Assert.That(await phone.MeAsync(), Is.EqualTo(HttpStatusCode.OK));
        Assert.That(await bob.MeAsync(), Is.EqualTo(HttpStatusCode.OK));
    }

    [Test]
    public async Task A_caller_cannot_choose_whom_to_log_out()
    {
        using var bob = _application.NewBrowser(transport: transport);
        var bobId = await bob.RegisterAsync("bob@example.com");
        var bobSession = await bob.LogInAsync("bob@example.com");

        using var response = await _browser.PostAsync(
            $"/logout/?userId={bobId}&sessionId={bobSession["id"]}", new { userId = bobId, sessionId = bobSession["id"]!.GetValue<string>() });

        Assert.That((await response.JsonAsync())["message"]!.GetValue<string>(), Is.EqualTo("Logout successful. User id: 1"));
        Assert.That(await bob.MeAsync(), Is.EqualTo(HttpStatusCode.OK));
    }

    [TestCase(null, null)]
    [TestCase("", "application/json")]
    [TestCase("{}", "application/json")]
    [TestCase("{not json", "application/json")]
    [TestCase("a=b", "application/x-www-form-urlencoded")]
    [TestCase("no boundary", "multipart/form-data")]
    [TestCase("<logout/>", "application/xml")]
    [TestCase("\0\uFFFD", "text/plain")]
    public async Task Any_body_is_ignored(string? body, string? contentType)
    {
        using var copy = _browser.Copy();

        using var response = body is null ? await _browser.LogOutAsync() : await _browser.PostTextAsync("/logout/", body, contentType!);

        Assert.That(response.StatusCode, Is.EqualTo(HttpStatusCode.OK));
        Assert.That(await copy.MeAsync(), Is.EqualTo(HttpStatusCode.Unauthorized));
    }

    [Test]
    public async Task The_path_works_with_and_without_its_slash([Values("/logout/", "/logout", "/LOGOUT/")] string path)
    {
        using var copy = _browser.Copy();

        using var response = await _browser.PostAsync(path);

        Assert.That(response.StatusCode, Is.EqualTo(HttpStatusCode.OK));
        Assert.That(await copy.MeAsync(), Is.EqualTo(HttpStatusCode.Unauthorized));
    }

    [Test]
    public async Task Any_other_method_is_not_allowed_and_changes_nothing([Values("GET", "HEAD", "PUT", "DELETE", "PATCH", "OPTIONS")] string method)
    {
        using var response = await _browser.SendAsync(new HttpMethod(method), "/logout/");

        Assert.That(response.StatusCode, Is.EqualTo(HttpStatusCode.MethodNotAllowed));
        Assert.That(response.Content.Headers.Allow, Is.EqualTo(new[] { "POST" }));
        Assert.That(await _browser.MeAsync(), Is.EqualTo(HttpStatusCode.OK));
    }

    [TestCase("scope=current", true)]
    [TestCase("scope=others", true)]
    [TestCase("scope=all", true)]
    [TestCase("scope=everything", false)]
    [TestCase("scope=CURRENT", false)]
    [TestCase("scope=", false)]
    [TestCase("scope=0", false)]
    [TestCase("scope=current&scope=all", false)]
    [TestCase("scope=others&scope=others", false)]
    public async Task An_unknown_scope_is_refused_and_changes_nothing(string query, bool known)
    {
        using var response = await _browser.PostAsync("/logout/?" + query);

        if (known)
        {
            Assert.That(response.StatusCode, Is.EqualTo(HttpStatusCode.OK));
        }
        else
        {
            await response.ShouldBeInvalidAsync("scope");
            Assert.That(await _browser.MeAsync(), Is.EqualTo(HttpStatusCode.OK));
        }
    }

    [TestCase("returnUrl=https://evil.example")]
    [TestCase("ReturnUrl=/x")]
    [TestCase("next=//evil.example")]
    public async Task Logout_never_redirects(string query)
    {
        using var response = await _browser.PostAsync("/logout/?" + query);

        Assert.That(response.StatusCode, Is.EqualTo(HttpStatusCode.OK));
        Assert.That(response.Headers.Location, Is.Null);
    }

    [Test]
    public async Task A_hundred_logouts_at_once_write_one_event()
    {
        using var copy = _browser.Copy();

        var statuses = await Task.WhenAll(Enumerable.Range(0, 100).Select(async _ =>
        {
            using var response = await copy.Copy().LogOutAsync();
            return response.StatusCode;
        }));

        Assert.That(statuses, Has.Some.EqualTo(HttpStatusCode.OK));
        Assert.That(statuses, Is.All.EqualTo(HttpStatusCode.OK).Or.EqualTo(HttpStatusCode.Unauthorized));
        Assert.That(await copy.MeAsync(), Is.EqualTo(HttpStatusCode.Unauthorized));
        Assert.That(await _application.EventsAsync(1), Is.EqualTo(new[] { AuditEvent.SignedIn, AuditEvent.SignedOut }));
    }

    [Test]
    public async Task A_request_begun_before_the_logout_revives_nothing()
    {
        // The slow request has read the session, and waits, when the logout comes.
        var store = new GatedStore();
        await using var application = new AuthApiApplication(store.Wrap, store: database);
        using var browser = await application.NewLoggedInBrowserAsync(transport: transport);
        using var slow = browser.Copy();
        using var thief = browser.Copy();
        store.AfterFind.Close();
        var slowRequest = slow.MeAsync();
        await store.AfterFind.Reached;

        using var logout = await browser.LogOutAsync();
        store.AfterFind.Open();

        Assert.That(logout.StatusCode, Is.EqualTo(HttpStatusCode.OK));
        Assert.That(await slowRequest, Is.EqualTo(HttpStatusCode.OK), "it came before the logout");
        Assert.That(await thief.MeAsync(), Is.EqualTo(HttpStatusCode.Unauthorized));
        application.Time.Advance(TimeSpan.FromMinutes(2));
        await application.Services.GetRequiredService<LastSeenTracker>().FlushAsync();
        Assert.That(await application.StoredSessionsAsync(), Is.Empty, "its last use does not bring the row back");
    }

    [Test]
    public async Task A_client_that_disconnects_is_still_logged_out()
    {
        var (store, hungUp) = (new GatedStore(), new TaskCompletionSource());
        await using var application = new AuthApiApplication(
            services =>
            {
                store.Wrap(services);
                services.AddSingleton<IStartupFilter>(new OnAbort(hungUp));
            },
            kestrel: true,
            store: database);
        using var browser = await application.NewLoggedInBrowserAsync(transport: transport);
        store.BeforeEnd.Close();

        using (var socket = new TcpClient())
        {
            var credential = transport == SessionTransport.Cookie ? $"Cookie: session={browser.Token}" : $"Authorization: Session {browser.Token}";
            await socket.ConnectAsync(IPAddress.Loopback, browser.Address.Port);
            await socket.GetStream().WriteAsync(Encoding.ASCII.GetBytes(
                $"POST /logout/ HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n{credential}\r\n\r\n"));
            await store.BeforeEnd.Reached;
            socket.Client.Close(0); // a reset, which the server sees at once
        }

        await hungUp.Task.WaitAsync(TimeSpan.FromSeconds(30));
        store.BeforeEnd.Open();
        await store.BeforeEnd.Passed;

        Assert.That(await application.StoredSessionsAsync(), Is.Empty);

        // The cache hears of it next, and there is no answer that would say when.
        Assert.That(() => browser.MeAsync().Result, Is.EqualTo(HttpStatusCode.Unauthorized).After(10_000, 20));
    }

    /// <summary>Notifies when the server has noticed that the client of a logout has hung up.</summary>
    private sealed class OnAbort(TaskCompletionSource hungUp) : IStartupFilter
    {
        public Action<IApplicationBuilder> Configure(Action<IApplicationBuilder> next) => app =>
        {
            app.Use(async (context, following) =>
            {
                using var registration = context.RequestAborted.Register(
                    () => _ = context.Request.Path.StartsWithSegments("/logout", StringComparison.Ordinal) && hungUp.TrySetResult());
                await following(context);
            });
            next(app);
        };
    }
}
