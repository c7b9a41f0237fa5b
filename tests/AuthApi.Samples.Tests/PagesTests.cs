using System.Net;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;

namespace AuthApi.Samples.Tests;

/// <summary>
/// Razor Pages with individual accounts (<c>dotnet new webapp -au Individual</c>): string ids, a user class with a column of its own, roles, its own
/// context with proxies, SQLite.
/// </summary>
internal sealed partial class PagesTests() : IdentityPagesTests("Pages", "/Identity/Account")
{
    private string _startWithoutTables = "";

    protected override async Task PrepareStockAsync()
    {
        await Application.CreateAsync("webapp", "-au", "Individual");
        Application.Change("own.diff");
        Application.CopyOwn();
        await Application.BuildAsync();
        await Application.AddMigrationAsync("AddFavouriteColour");
        await Application.BuildAsync();
        await Application.UpdateDatabaseAsync();
    }

    protected override void ChangeMore() => Application.Change("list.diff");

    protected override async Task BeforeUpdateAsync()
    {
        try
        {
            await using var started = await Application.StartAsync();
        }
        catch (InvalidOperationException stopped)
        {
            _startWithoutTables = stopped.Message;
        }
    }

    [Test]
    public void A_start_without_the_tables_says_what_to_run()
    {
        Assert.That(_startWithoutTables, Does.Match("lacks a table of sessions .*dotnet ef migrations add AddServerSideSessions, then dotnet ef database update"));
    }

    [Test]
    public async Task A_role_counts_in_the_next_request()
    {
        using var visitor = NewVisitor();
        await RegisterAsync(visitor, "role@example.com");
        await LogInAsync(visitor, "role@example.com");

        var before = await AdminAsync(visitor);
        using var given = await visitor.SendAsync(HttpMethod.Put, "/admins/role@example.com");
        var with = await AdminAsync(visitor);
        using var taken = await visitor.SendAsync(HttpMethod.Delete, "/admins/role@example.com");
        var after = await AdminAsync(visitor);

        Assert.That(given.StatusCode, Is.EqualTo(HttpStatusCode.OK), await given.Content.ReadAsStringAsync());
        Assert.That(taken.StatusCode, Is.EqualTo(HttpStatusCode.OK));
        Assert.That(new[] { before, with, after }, Is.EqualTo(new[] { "/Identity/Account/AccessDenied", "/admin", "/Identity/Account/AccessDenied" }));
    }

    [Test]
    public async Task Sessions_are_listed_and_one_ends_another()
    {
        using var laptop = NewVisitor();
        using var phone = NewVisitor();
        await RegisterAsync(laptop, "list@example.com");
        await LogInAsync(laptop, "list@example.com");
        await LogInAsync(phone, "list@example.com");

        var items = JsonNode.Parse(await laptop.OpenAsync("/sessions/"))!["items"]!.AsArray();
        var other = items.Single(item => !item!["current"]!.GetValue<bool>())!;
        using var ended = await laptop.SendAsync(HttpMethod.Delete, $"/sessions/{other["id"]!.GetValue<string>()}/");

        Assert.That(items.Select(item => item!["device"]!.GetValue<string>()), Is.EqualTo(new[] { "Firefox on Linux", "Firefox on Linux" }));
        Assert.That(ended.StatusCode, Is.EqualTo(HttpStatusCode.NoContent));
        using var phonesCopy = phone.Copy();
        Assert.That(await StatusAsync(phonesCopy), Is.EqualTo(HttpStatusCode.Redirect));
        Assert.That(await laptop.OpenAsync("/me/activity/"), Does.Contain("session_revoked"));
    }

    [Test]
    public async Task A_stock_cookie_is_no_session()
    {
        using var visitor = new Visitor(Running.Address, StockCookies);

        Assert.That(await StatusAsync(visitor), Is.EqualTo(HttpStatusCode.Redirect));
    }

    [Test]
    public void The_migration_adds_two_tables_and_nothing_else()
    {
        var migration = Application.ReadMigration("AddServerSideSessions");

        Assert.That(
            Changes().Matches(migration).Select(match => $"{match.Groups[1]} {match.Groups[2]}"),
            Is.EqualTo(new[]
            {
                "CreateTable AuditEntries", "CreateTable UserSessions", "CreateIndex IX_AuditEntries_At", "CreateIndex IX_AuditEntries_UserId_Id",
                "CreateIndex IX_UserSessions_UserId_Id", "DropTable AuditEntries", "DropTable UserSessions",
            }));
    }

    // Where a visitor ends up who asks for the page of administrators.
    private static async Task<string> AdminAsync(Visitor visitor)
    {
        using var response = await visitor.GetAsync("/admin");
        return response.RequestMessage!.RequestUri!.AbsolutePath;
    }

    [GeneratedRegex("""migrationBuilder\.(\w+)\(\s*name: "(\w+)"[,)]""")]
    private static partial Regex Changes();
}
