using System.Net;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using AuthApi.Tests.Harness;
using AuthApi.Tests.House;
using Microsoft.Data.Sqlite;

namespace AuthApi.Tests.Sessions;

/// <summary>
/// An application with Identity's stock set-up takes over the sessions: the samples <c>Before</c> and <c>After</c>, each a program of its
/// own in one folder, and the document that shows the way from one to the other.
/// </summary>
internal sealed partial class AdoptTests
{
    private const string Ada = "ada@example.com";
    private const string Password = "Correct-horse-7";

    private static readonly string Samples = Path.Combine(Repository.Root, "tests", "AuthApi.Samples.Adopt");

    private readonly TemporaryFolder _folder = new();
    private RunningProgram _adopted = null!;

    [OneTimeSetUp]
    public async Task StartAsync() => _adopted = await RunningProgram.StartSampleAsync("After", _folder.Path);

    [OneTimeTearDown]
    public async Task EndAsync()
    {
        await _adopted.DisposeAsync();
        _folder.Dispose();
    }

    [Test]
    public async Task A_stock_account_logs_in_and_its_old_cookie_is_refused()
    {
        using var folder = new TemporaryFolder();
        Browser copy;
        await using (var stock = await RunningProgram.StartSampleAsync("Before", folder.Path))
        {
            var browser = await NewLoggedInBrowserAsync(stock);
            copy = browser.Copy();
            Assert.That((await browser.LogOutAsync()).StatusCode, Is.EqualTo(HttpStatusCode.OK));
            Assert.That(await copy.MeAsync(), Is.EqualTo(HttpStatusCode.OK), "what this is all about");
            Execute(folder, "stock.db", """
                INSERT INTO AspNetRoles (Id, Name, NormalizedName) VALUES ('r', 'Admin', 'ADMIN');
                INSERT INTO AspNetUserRoles (UserId, RoleId) SELECT Id, 'r' FROM AspNetUsers;
                INSERT INTO AspNetUserTokens (UserId, LoginProvider, Name, Value) SELECT Id, '[AspNetUserStore]', 'AuthenticatorKey', 'ABC' FROM AspNetUsers;
                """);
        }

        await using (var adopted = await RunningProgram.StartSampleAsync("After", folder.Path))
        {
            using (var old = await At(adopted, copy).GetAsync("/me"))
            {
                await old.ShouldBeNotAuthenticatedAsync();
            }

            Assert.That(await LogInAsync(At(adopted)), Is.EqualTo(HttpStatusCode.OK));
        }

        // Once only, however often it starts.
        await using (await RunningProgram.StartSampleAsync("After", folder.Path))
        {
        }

        using (Assert.EnterMultipleScope())
        {
            Assert.That(Read(folder, "auth.db", "SELECT count(*) FROM AspNetUsers"), Is.EqualTo("1"));
            Assert.That(
                Read(folder, "auth.db", "SELECT ClaimValue FROM AspNetUserClaims WHERE ClaimType = 'old_id'"),
                Is.EqualTo(Read(folder, "stock.db", "SELECT Id FROM AspNetUsers")));
            Assert.That(Read(folder, "auth.db", "SELECT Name FROM AspNetRoles JOIN AspNetUserRoles ON RoleId = Id"), Is.EqualTo("Admin"));
            Assert.That(Read(folder, "auth.db", "SELECT Value FROM AspNetUserTokens"), Is.EqualTo("ABC"));
        }

        // And back.
        await using (var stock = await RunningProgram.StartSampleAsync("Before", folder.Path))
        {
            Assert.That(await LogInAsync(At(stock)), Is.EqualTo(HttpStatusCode.OK));
            Assert.That(await At(stock, copy).MeAsync(), Is.EqualTo(HttpStatusCode.OK), "the stock cookies are good again too");
        }
    }

    [Test]
    public async Task A_copied_cookie_is_refused_after_the_applications_logout()
    {
        var browser = await NewLoggedInBrowserAsync(_adopted, "token@example.com");
        var copy = browser.Copy();

        Assert.That(browser.Cookies.Keys, Is.EqualTo(new[] { "session" }));
        Assert.That(browser.Token, Does.Match("^[A-Za-z0-9_-]{43}$"));
        Assert.That(await copy.MeAsync(), Is.EqualTo(HttpStatusCode.OK));

        using var answer = await browser.LogOutAsync();

        Assert.That(answer.StatusCode, Is.EqualTo(HttpStatusCode.OK));
        Assert.That(answer.Headers.CacheControl?.NoStore, Is.True);
        Assert.That(browser.Cookies, Is.Empty);
        using var refused = await copy.GetAsync("/me");
        await refused.ShouldBeNotAuthenticatedAsync();
    }

    [Test]
    public async Task Sessions_are_listed_and_one_is_ended_from_another()
    {
        var laptop = await NewLoggedInBrowserAsync(_adopted, "list@example.com");
        var other = At(_adopted);
        await LogInAsync(other, "list@example.com");

        var items = await SessionsAsync(laptop);
        var id = items.Single(item => !item!["current"]!.GetValue<bool>())!["id"]!.GetValue<string>();
        using var ended = await laptop.DeleteAsync($"/sessions/{id}/");

        Assert.That(items.Select(item => item!["transport"]!.GetValue<string>()), Is.EqualTo(new[] { "cookie", "cookie" }));
        Assert.That(ended.StatusCode, Is.EqualTo(HttpStatusCode.NoContent));
        Assert.That(await other.MeAsync(), Is.EqualTo(HttpStatusCode.Unauthorized));
        Assert.That(await laptop.MeAsync(), Is.EqualTo(HttpStatusCode.OK));
        using var activity = await laptop.GetAsync("/me/activity/?limit=1");
        Assert.That((await activity.JsonAsync())["items"]![0]!["event"]!.GetValue<string>(), Is.EqualTo("session_revoked"));
    }

    [Test]
    public async Task A_new_password_ends_the_sessions()
    {
        var browser = await NewLoggedInBrowserAsync(_adopted, "password@example.com");
        var other = At(_adopted);
        await LogInAsync(other, "password@example.com");

        using var answer = await browser.PostAsync("/manage/info", new { oldPassword = Password, newPassword = Password + "8" });

        Assert.That(answer.StatusCode, Is.EqualTo(HttpStatusCode.OK), await answer.Content.ReadAsStringAsync());
        Assert.That(await browser.MeAsync(), Is.EqualTo(HttpStatusCode.Unauthorized));
        Assert.That(await other.MeAsync(), Is.EqualTo(HttpStatusCode.Unauthorized));
    }

    [Test]
    public async Task A_logout_that_the_store_refused_is_no_success()
    {
        var browser = await NewLoggedInBrowserAsync(_adopted, "locked@example.com");
        await using (var locked = Open(_folder, "auth.db"))
        {
            await using var command = locked.CreateCommand();
            command.CommandText = "BEGIN IMMEDIATE";
            await command.ExecuteNonQueryAsync();

            using var answer = await browser.LogOutAsync();

            await answer.ShouldBeProblemAsync(HttpStatusCode.ServiceUnavailable, "store_unavailable");
        }

        Assert.That(await browser.MeAsync(), Is.EqualTo(HttpStatusCode.OK).Or.EqualTo(HttpStatusCode.Unauthorized), "the write may yet be made");
        Assert.That(browser.Cookies, Is.Not.Empty);
    }

    [Test]
    public async Task AuthApis_own_account_calls_are_not_included()
    {
        using var answer = await At(_adopted).PostAsync("/reauthenticate/", new { password = Password });

        Assert.That(answer.StatusCode, Is.EqualTo(HttpStatusCode.NotFound));
    }

    [Test]
    public void The_document_shows_the_change_as_it_is()
    {
        var shown = Diffs().Matches(File.ReadAllText(Path.Combine(Repository.Root, "docs", "adopt.md"))).Select(diff => diff.Groups[1].Value).ToList();

        Assert.That(shown, Has.Count.EqualTo(2));
        AssertIs(shown[0], "AuthApi.Samples.Adopt.Before.csproj", "AuthApi.Samples.Adopt.After.csproj");
        AssertIs(shown[1], "Program.cs", "Program.cs");
    }

    [Test]
    public void The_starting_program_is_the_one_of_the_experiment()
    {
        Assert.That(
            File.ReadAllText(Path.Combine(Repository.Root, "docs", "comparison.md")),
            Does.Contain($"```csharp\n{File.ReadAllText(Path.Combine(Samples, "Before", "Program.cs"))}```"));
    }

    private static void AssertIs(string diff, string before, string after)
    {
        var lines = diff.TrimEnd('\n').Split('\n');
        Assert.That(Side(lines, '-'), Is.EqualTo(File.ReadAllText(Path.Combine(Samples, "Before", before))));
        Assert.That(Side(lines, '+'), Is.EqualTo(File.ReadAllText(Path.Combine(Samples, "After", after))));
    }

    // An unchanged line begins with a space, or is empty.
    private static string Side(string[] lines, char side) =>
        string.Concat(lines.Where(line => line.Length == 0 || line[0] == ' ' || line[0] == side).Select(line => (line.Length == 0 ? "" : line[1..]) + "\n"));

    private static Browser At(RunningProgram program, Browser? copyOf = null)
    {
        var browser = program.NewBrowser();
        foreach (var (name, value) in copyOf?.Cookies ?? [])
        {
            browser.Cookies[name] = value;
        }

        return browser;
    }

    private static async Task<Browser> NewLoggedInBrowserAsync(RunningProgram program, string email = Ada)
    {
        var browser = At(program);
        using var registered = await browser.PostAsync("/register", new { email, password = Password });
        Assert.That(registered.StatusCode, Is.EqualTo(HttpStatusCode.OK), await registered.Content.ReadAsStringAsync());
        Assert.That(await LogInAsync(browser, email), Is.EqualTo(HttpStatusCode.OK));
        return browser;
    }

    private static async Task<HttpStatusCode> LogInAsync(Browser browser, string email = Ada)
    {
        using var answer = await browser.PostAsync("/login?useCookies=true", new { email, password = Password });
        return answer.StatusCode;
    }

    private static async Task<JsonArray> SessionsAsync(Browser browser)
    {
        using var answer = await browser.GetAsync("/sessions/");
        return (await answer.JsonAsync())["items"]!.AsArray();
    }

    private static string? Read(TemporaryFolder folder, string file, string sql)
    {
        using var connection = Open(folder, file);
        using var command = connection.CreateCommand();
        command.CommandText = sql;
        return command.ExecuteScalar()?.ToString();
    }

    private static void Execute(TemporaryFolder folder, string file, string sql) => Read(folder, file, sql);

    private static SqliteConnection Open(TemporaryFolder folder, string file)
    {
        var path = Path.Combine(folder.Path, file == "auth.db" ? "data" : "", file);
        var connection = new SqliteConnection($"Data Source={path};Pooling=False;Mode=ReadWrite");
        connection.Open();
        return connection;
    }

    [GeneratedRegex(@"^```diff\n(.*?)^```", RegexOptions.Singleline | RegexOptions.Multiline)]
    private static partial Regex Diffs();
}
