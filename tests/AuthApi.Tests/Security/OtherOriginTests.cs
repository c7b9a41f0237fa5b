using AuthApi.Tests.Harness;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Playwright;

namespace AuthApi.Tests.Security;

/// <summary>A page of another origin, in the browser of somebody who is signed in.</summary>
internal sealed class OtherOriginTests
{
    private const string Mallory = """{"email":"mallory@example.com","password":"correct horse battery staple"}""";

    /// <summary>What a page can make a browser send, and how it is answered. The browser's own preflight goes without a cookie.</summary>
    private static readonly Attack[] Attacks =
    [
        new("a form", "POST", "/logout/", 403, Form("/logout/"), LeadsAway: true),
        new("a form that asks for all", "POST", "/logout/?scope=all", 403, Form("/logout/?scope=all"), LeadsAway: true),
        new("a form in a frame", "POST", "/logout/", 403, "<iframe name=frame></iframe>" + Form("/logout/", "target=frame")),
        new("a form of plain text that reads as JSON", "POST", "/login/", 403, Form(
            "/login/", "enctype=text/plain", """<input name='{"email":"mallory@example.com","password":"correct horse battery staple","a":"' value='"}'>"""), LeadsAway: true),
        new("a form with a password", "POST", "/login/", 403, Form(
            "/login/", "", "<input name=email value=mallory@example.com><input name=password value='correct horse battery staple'>"), LeadsAway: true),
        new("a fetch", "POST", "/logout/", 403, Fetch("/logout/", "mode: 'no-cors'")),
        new("a fetch that asks for all", "POST", "/logout/?scope=all", 403, Fetch("/logout/?scope=all", "mode: 'no-cors'")),
        new("a fetch of plain text", "POST", "/login/", 403, Fetch("/login/", $"mode: 'no-cors', body: '{Mallory}'")),
        new("a fetch that asks for the answer", "POST", "/logout/", 403, Fetch("/logout/", "mode: 'cors'")),
        new("a fetch of JSON", "OPTIONS", "/login/", 405, Fetch("/login/", $"headers: {{ 'Content-Type': 'application/json' }}, body: '{Mallory}'")),
        new("a fetch with a header", "OPTIONS", "/logout/", 405, Fetch("/logout/", "headers: { 'Authorization': 'Session x' }")),
        new("a beacon", "POST", "/logout/", 403, Script("navigator.sendBeacon('{api}/logout/')")),
        new("an image", "GET", "/logout/", 405, "<img src='{api}/logout/'>"),
        new("a script", "GET", "/logout/", 405, "<script src='{api}/logout/'></script>"),
        new("a style", "GET", "/logout/", 405, "<link rel=stylesheet href='{api}/logout/'>"),
        new("a frame", "GET", "/logout/", 405, "<iframe src='{api}/logout/'></iframe>"),
        new("a window", "GET", "/logout/", 405, Script("window.open('{api}/logout/')")),
        new("a way there", "GET", "/logout/", 405, Script("location = '{api}/logout/'"), LeadsAway: true),
    ];

    private Chromium? _chromium;

    [OneTimeSetUp]
    public async Task StartBrowser() => _chromium = await Chromium.StartAsync();

    [OneTimeTearDown]
    public async Task StopBrowser() => await (_chromium?.DisposeAsync() ?? ValueTask.CompletedTask);

    // A browser sends Fetch Metadata to HTTPS and to this machine's own names. Another port is the same site, and the cookie goes along.
    [TestCase("127.0.0.1", "127.0.0.1", "same-site", true, Description = "another port")]
    [TestCase("127.0.0.1", "localhost", "cross-site", false, Description = "another host")]
    [TestCase("app.test", "app.test", null, true, Description = "another port, known by Origin alone")]
    [TestCase("app.test", "sibling.app.test", null, true, Description = "a sibling, known by Origin alone")]
    [TestCase("app.test", "evil.test", null, false, Description = "another host, known by Origin alone")]
    public async Task A_page_of_another_origin_cannot_log_in_or_out(string host, string otherHost, string? site, bool cookieGoesAlong)
    {
        var arrivals = new Arrivals();
        await using var application = new AuthApiApplication(services => services.AddSingleton<IStartupFilter>(arrivals), kestrel: true);
        await using var pages = await OtherPages.StartAsync();
        await using var person = await _chromium!.NewPersonAsync();
        var api = await StartAsync(application, host);
        var other = $"http://{otherHost}:{pages.Port}";
        var user = await NewPageAsync(person, api);
        Assert.That(await CallAsync(user, "POST", "/login/", "ada@example.com"), Is.EqualTo("200 ada@example.com"));

        var tab = await person.NewPageAsync();
        foreach (var attack in Attacks)
        {
            pages.Html = "<!doctype html>" + attack.Html.Replace("{api}", api, StringComparison.Ordinal);

            // What leads its tab away would get in the way of the next attack.
            var page = attack.LeadsAway ? await person.NewPageAsync() : tab;
            await page.GotoAsync(other, new() { WaitUntil = WaitUntilState.Commit });
            var arrival = await arrivals.NextAsync(attack.Method, attack.Address);
            using (Assert.EnterMultipleScope())
            {
                Assert.That(arrival.Status, Is.EqualTo(attack.Status), attack.Name);
                Assert.That(arrival.Site, Is.EqualTo(site), attack.Name);
                Assert.That(arrival.Origin, Is.EqualTo(attack.Method == "GET" ? null : other), attack.Name);
                Assert.That(arrival.Cookie.StartsWith("session=", StringComparison.Ordinal), Is.EqualTo(cookieGoesAlong && attack.Method != "OPTIONS"), $"{attack.Name}: cookie");
                Assert.That(await CallAsync(user, "GET", "/me/"), Is.EqualTo("200 ada@example.com"), attack.Name);
            }
        }

        Assert.That(arrivals.All.Count(arrival => arrival is { Method: not "GET", Address: not "/register/", Status: < 400 }), Is.EqualTo(1), "the user's own login");
        Assert.That(await application.StoredSessionsAsync(), Has.Count.EqualTo(1));
    }

    [TestCase("127.0.0.1", "127.0.0.1")]
    [TestCase("127.0.0.1", "localhost")]
    [TestCase("app.test", "sibling.app.test")]
    public async Task A_page_of_another_origin_reads_nothing(string host, string otherHost)
    {
        await using var application = new AuthApiApplication(kestrel: true);
        await using var pages = await OtherPages.StartAsync();
        await using var person = await _chromium!.NewPersonAsync();
        var api = await StartAsync(application, host);
        var user = await NewPageAsync(person, api);
        await CallAsync(user, "POST", "/login/", "ada@example.com");
        var page = await person.NewPageAsync();
        await page.GotoAsync($"http://{otherHost}:{pages.Port}");

        var read = await page.EvaluateAsync<string>(
            "api => fetch(api + '/me/', { credentials: 'include' }).then(answer => answer.text(), () => 'nothing')", api);

        Assert.That(read, Is.EqualTo("nothing"));
    }

    [TestCase("127.0.0.1", "same-site")]
    [TestCase("app.test", null)]
    public async Task A_page_of_an_allowed_origin_logs_in_and_out(string host, string? site)
    {
        var arrivals = new Arrivals();
        await using var pages = await OtherPages.StartAsync();
        var origin = $"http://{host}:{pages.Port}";
        await using var application = new AuthApiApplication(
            services => services.AddSingleton<IStartupFilter>(arrivals), new() { ["Cors:AllowedOrigins"] = origin }, kestrel: true);
        await using var person = await _chromium!.NewPersonAsync();
        var api = await StartAsync(application, host);
        var page = await person.NewPageAsync();
        await page.GotoAsync(origin);

        Assert.That(await CallAsync(page, "POST", $"{api}/login/", "ada@example.com"), Is.EqualTo("200 ada@example.com"));
        Assert.That(await CallAsync(page, "GET", $"{api}/me/"), Is.EqualTo("200 ada@example.com"));
        Assert.That(await CallAsync(page, "POST", $"{api}/logout/"), Does.StartWith("200 Logout successful. User id: "));
        Assert.That(await CallAsync(page, "GET", $"{api}/me/"), Is.EqualTo("401 not_authenticated"));

        var logout = arrivals.All.Single(arrival => arrival is { Method: "POST", Address: "/logout/" });
        Assert.That((logout.Origin, logout.Site), Is.EqualTo((origin, site)));
        Assert.That(await application.StoredSessionsAsync(), Is.Empty);
    }

    /// <summary>Starts the API with two users, and returns its origin under the name that the browser is to use.</summary>
    private static async Task<string> StartAsync(AuthApiApplication application, string host)
    {
        using var client = application.NewBrowser();
        await client.RegisterAsync("ada@example.com");
        await client.RegisterAsync("mallory@example.com");
        return $"http://{host}:{client.Address.Port}";
    }

    /// <summary>A page of the API's own origin. What Swagger UI would load is left out: the page is there to call from.</summary>
    private static async Task<IPage> NewPageAsync(IBrowserContext person, string api)
    {
        var page = await person.NewPageAsync();
        await page.RouteAsync("**/*.{js,css}", route => route.AbortAsync());
        await page.GotoAsync($"{api}/swagger/index.html", new() { WaitUntil = WaitUntilState.DOMContentLoaded });
        return page;
    }

    /// <summary>Makes the page call the API, and returns the status and what matters of the answer.</summary>
    private static Task<string> CallAsync(IPage page, string method, string address, string? email = null) => page.EvaluateAsync<string>(
        """
        async ({ method, address, email, password }) => {
          const body = email ? JSON.stringify({ email, password }) : undefined;
          const headers = email ? { 'Content-Type': 'application/json' } : {};
          const answer = await fetch(address, { method, credentials: 'include', headers, body });
          const json = await answer.json();
          return answer.status + ' ' + (json.code ?? json.message ?? json.email ?? json.user.email);
        }
        """,
        new { method, address, email, password = Browser.Password });

    private static string Form(string address, string attributes = "", string fields = "") =>
        $"<form method=post action='{{api}}{address}' {attributes}>{fields}</form>" + Script("document.forms[0].submit()");

    private static string Fetch(string address, string how) =>
        Script($"fetch('{{api}}{address}', {{ method: 'POST', credentials: 'include', {how} }})");

    private static string Script(string code) => $"<script>{code}</script>";

    private sealed record Attack(string Name, string Method, string Address, int Status, string Html, bool LeadsAway = false);
}
