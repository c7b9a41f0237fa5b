using System.Collections.Concurrent;
using System.Text.Json.Nodes;
using AuthApi.Sessions;
using AuthApi.Tests.Harness;
using Microsoft.Playwright;

namespace AuthApi.Tests.OpenApi;

/// <summary>Swagger UI in a real browser, used by clicking. What the browser complains of in its console fails the test.</summary>
internal sealed class SwaggerUiTests
{
    private readonly ConcurrentQueue<string> _complaints = new();
    private readonly TemporaryFolder _folder = new();

    private Chromium? _chromium;
    private RunningProgram _program = null!;
    private IBrowserContext _person = null!;
    private IPage? _opened;
    private Screenshots _screenshots = null!;
    private string _origin = null!;
    private string _curl = null!;

    private IPage Page => _opened!;

    [OneTimeSetUp]
    public async Task StartBrowserAndProgram()
    {
        _chromium = await Chromium.StartAsync();
        _program = await RunningProgram.StartAsync(_folder.Path);
    }

    [OneTimeTearDown]
    public async Task StopBrowserAndProgram()
    {
        await (_chromium?.DisposeAsync() ?? ValueTask.CompletedTask);
        await (_program?.DisposeAsync() ?? ValueTask.CompletedTask);
        _folder.Dispose();
    }

    [SetUp]
    public async Task SetUp()
    {
        _complaints.Clear();
        _screenshots = new Screenshots();
        _opened = null;
        _person = await _chromium!.NewPersonAsync();
        _person.Console += (_, message) =>
        {
            if (message.Type is "error" or "warning")
            {
                _complaints.Enqueue($"{message.Location} {message.Text}");
            }
        };
        _person.WebError += (_, error) => _complaints.Enqueue(error.Error);
        _person.RequestFailed += (_, request) => _complaints.Enqueue($"{request.Url} {request.Failure}");
    }

    [TearDown]
    public async Task TearDown()
    {
        await _screenshots.TakeOfFailureAsync(_opened);
        await _person.CloseAsync();

        // The account of the document's examples, which each test registers.
        using var ada = _program.NewBrowser();
        using var login = await ada.PostAsync("/login/", new { email = "ada@example.com", password = Browser.Password });
        if (login.IsSuccessStatusCode)
        {
            using var deleted = await ada.DeleteAsync("/me/");
            Assert.That(deleted.IsSuccessStatusCode, Is.True, await deleted.Content.ReadAsStringAsync());
        }
    }

    [TestCase("127.0.0.1")]
    [TestCase("app.test", Description = "a name to which a browser sends no Fetch Metadata over plain HTTP")]
    public async Task A_person_registers_logs_in_and_logs_out_by_clicking(string host)
    {
        await OpenAsync(host);
        await ExecuteAsync("register", 201);
        await ExecuteAsync("login", 200);
        var me = await ExecuteAsync("me", 200);
        var sessions = await ExecuteAsync("listSessions", 200, "Sessions");
        var logout = await ExecuteAsync("logout", 200);
        var refused = await ExecuteAsync("me", 401);

        Assert.That(me["email"]!.GetValue<string>(), Is.EqualTo("ada@example.com"));
        Assert.That(sessions["items"]!.AsArray(), Has.Count.EqualTo(1));
        Assert.That(logout["message"]!.GetValue<string>(), Is.EqualTo($"Logout successful. User id: {me["id"]}"));
        Assert.That(refused["code"]!.GetValue<string>(), Is.EqualTo("not_authenticated"));
        Assert.That(await _person.CookiesAsync(), Is.Empty);

        TheOnlyComplaintShouldBeTheRefusal();
    }

    [Test]
    public async Task A_person_uses_a_header_token_through_Authorize()
    {
        await OpenAsync("127.0.0.1");
        await ExecuteAsync("register", 201);
        using var phone = _program.NewBrowser(SessionTransport.Header);
        await phone.LogInAsync();
        await AuthorizeAsync(phone.Token);
        var me = await ExecuteAsync("me", 200);
        var sessions = await ExecuteAsync("listSessions", 200, "Sessions");
        await ExecuteAsync("logout", 200);
        var refused = await ExecuteAsync("me", 401);

        Assert.That(me["session"]!["transport"]!.GetValue<string>(), Is.EqualTo("header"));
        Assert.That(sessions["items"]![0]!["transport"]!.GetValue<string>(), Is.EqualTo("header"));
        Assert.That(refused["code"]!.GetValue<string>(), Is.EqualTo("not_authenticated"));
        Assert.That(await _person.CookiesAsync(), Is.Empty);
        TheOnlyComplaintShouldBeTheRefusal();
    }

    [Test]
    public async Task The_page_keeps_the_newest_header_token()
    {
        await OpenAsync("127.0.0.1");
        await ExecuteAsync("register", 201);
        await ExecuteAsync("login", 200, change: body => body.Replace("\"cookie\"", "\"header\"", StringComparison.Ordinal));
        await ExecuteAsync("me", 200);
        var renewed = await ExecuteAsync("reauthenticate", 200);
        await ExecuteAsync("me", 200);

        Assert.That(_curl, Does.Contain($"-H 'Authorization: Session {renewed["sessionToken"]}'"), "what the page shows as the command");

        // Logged in with a cookie instead, which an old header token must not hide.
        await ExecuteAsync("login", 200, change: body => body.Replace("\"header\"", "\"cookie\"", StringComparison.Ordinal));
        var me = await ExecuteAsync("me", 200);
        Assert.That(me["session"]!["transport"]!.GetValue<string>(), Is.EqualTo("cookie"));
        Assert.That(_complaints, Is.Empty);
    }

    [Test]
    public async Task The_page_shows_who_is_signed_in()
    {
        await OpenAsync("127.0.0.1");
        var note = Page.GetByRole(AriaRole.Status);
        await ExecuteAsync("register", 201);
        await ExecuteAsync("login", 200);
        await Assertions.Expect(note).ToHaveTextAsync("Signed in as ada@example.com with a cookie");
        await ExecuteAsync("login", 200, change: body => body.Replace("\"cookie\"", "\"header\"", StringComparison.Ordinal));
        await Assertions.Expect(note).ToHaveTextAsync("Signed in as ada@example.com with a header token");
        await ExecuteAsync("logout", 200);
        await Assertions.Expect(note).ToHaveTextAsync("Not signed in");
        Assert.That(_complaints, Is.Empty);
    }

    [Test]
    public async Task Forgetting_a_token_is_not_called_logout()
    {
        await OpenAsync("127.0.0.1");
        await ExecuteAsync("register", 201);
        await ExecuteAsync("login", 200, change: body => body.Replace("\"cookie\"", "\"header\"", StringComparison.Ordinal));
        await Page.Locator(".auth-wrapper > .authorize").ClickAsync();
        var button = Page.Locator(".auth-container").Filter(new() { HasText = "sessionHeader" }).GetByRole(AriaRole.Button, new() { Name = "Remove authorization" });
        await _screenshots.TakeAsync("forget", path => Page.ScreenshotAsync(new() { Path = path }));

        Assert.That(await button.EvaluateAsync<string>("button => getComputedStyle(button).fontSize"), Is.EqualTo("0px"));
        Assert.That(await button.EvaluateAsync<string>("button => getComputedStyle(button, '::after').content"), Is.EqualTo("\"Forget\""));
    }

    [Test]
    public async Task The_answer_is_in_view_after_the_click()
    {
        await OpenAsync("127.0.0.1");
        foreach (var operation in new[] { "register", "login", "me", "logout" })
        {
            await ExecuteAsync(operation, operation is "register" ? 201 : 200, isInView: true);
        }
    }

    [Test]
    public async Task A_violation_of_the_pages_policy_fails_these_tests()
    {
        await OpenAsync("127.0.0.1");
        Assert.That(_complaints, Is.Empty);

        await Page.RunAndWaitForConsoleMessageAsync(() => Page.EvaluateAsync(
            "() => { const style = document.createElement('style'); style.textContent = 'p { color: red }'; document.head.append(style); }"));

        Assert.That(_complaints.Single(), Does.Contain("Content Security Policy"));
    }

    [Test]
    public async Task The_page_works_below_a_path_prefix()
    {
        using var folder = new TemporaryFolder();
        await using var program = await RunningProgram.StartAsync(folder.Path, "--PathBase=/auth");

        await OpenAsync("127.0.0.1", "/auth/swagger/", program);
        await ExecuteAsync("register", 201);
        await ExecuteAsync("login", 200);
        Assert.That((await _person.CookiesAsync()).Single().Path, Is.EqualTo("/"));
        await ExecuteAsync("me", 200);
        await ExecuteAsync("logout", 200);
        await ExecuteAsync("me", 401);

        Assert.That(await _person.CookiesAsync(), Is.Empty);
        Assert.That(_complaints.Single(), Does.StartWith($"{_origin}/auth/me/"));
    }

    [Test]
    public async Task The_page_works_below_a_prefix_nobody_names()
    {
        // A proxy that takes the prefix off and does not forward it.
        await _person.RouteAsync("**/auth/**", route => route.ContinueAsync(new() { Url = route.Request.Url.Replace("/auth/", "/", StringComparison.Ordinal) }));

        await OpenAsync("127.0.0.1", "/auth/swagger/");
        await ExecuteAsync("register", 201);
        await ExecuteAsync("login", 200);
        await ExecuteAsync("logout", 200);

        Assert.That(_curl, Does.Contain($"'{_origin}/auth/logout/"));
        Assert.That(_complaints, Is.Empty);
    }

    private async Task OpenAsync(string host, string path = "/swagger/", RunningProgram? program = null)
    {
        _origin = $"http://{host}:{(program ?? _program).Address.Port}";
        _opened = await _person.NewPageAsync();
        await Page.GotoAsync($"{_origin}{path}");
        await Page.Locator(".opblock").First.WaitForAsync();
        await _screenshots.TakeAsync("open", file => Page.ScreenshotAsync(new() { Path = file, FullPage = true }));
    }

    /// <summary>Opens a call, presses its button, and returns the answer as the page shows it.</summary>
    private async Task<JsonNode> ExecuteAsync(string operation, int status, string room = "Accounts", Func<string, string>? change = null, bool isInView = false)
    {
        var call = Page.Locator($"#operations-{room}-{operation}");
        await call.Locator(".opblock-summary-control").ClickAsync();
        var answer = call.Locator(".live-responses-table tbody");
        await call.Locator(".execute").WaitForAsync();
        if (await answer.CountAsync() > 0)
        {
            // Or the answer of the call before would be read for this one's.
            await call.Locator(".btn-clear").ClickAsync();
            await Assertions.Expect(answer).ToHaveCountAsync(0);
        }

        if (change is not null)
        {
            var body = call.Locator(".body-param__text");
            await body.FillAsync(change(await body.InputValueAsync()));
        }

        await call.Locator(".execute").ClickAsync();
        await Assertions.Expect(answer.Locator(".response-col_status")).ToContainTextAsync($"{status}");
        if (isInView)
        {
            await Assertions.Expect(answer.Locator("pre code, pre.microlight").First).ToBeInViewportAsync(new() { Ratio = 0.5f });
            await _screenshots.TakeAsync($"{operation}-view", path => Page.ScreenshotAsync(new() { Path = path }));
        }

        _curl = await call.Locator(".curl").InnerTextAsync();
        var json = await answer.Locator("pre code, pre.microlight").First.InnerTextAsync();
        await _screenshots.TakeAsync($"{operation}-{status}", path => call.ScreenshotAsync(new() { Path = path }));
        await call.Locator(".opblock-summary-control").ClickAsync();
        return JsonNode.Parse(json)!;
    }

    private async Task AuthorizeAsync(string token)
    {
        await Page.Locator(".auth-wrapper > .authorize").ClickAsync();
        var header = Page.Locator(".auth-container").Filter(new() { HasText = "sessionHeader" });
        await header.Locator("input").FillAsync(token);
        await _screenshots.TakeAsync("authorize", path => Page.ScreenshotAsync(new() { Path = path }));
        await header.GetByRole(AriaRole.Button, new() { Name = "Apply credentials" }).ClickAsync();
        await header.GetByRole(AriaRole.Button, new() { Name = "Close" }).ClickAsync();
    }

    // Chromium says so of every answer of 400 and above; the refusal is meant.
    private void TheOnlyComplaintShouldBeTheRefusal(params string[] before) => Assert.That(
        _complaints,
        Is.EqualTo((string[])[.. before, $"{_origin}/me/:0:0 Failed to load resource: the server responded with a status of 401 (Unauthorized)"]));
}
