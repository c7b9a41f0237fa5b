using System.Net;

namespace AuthApi.Samples.Tests;

/// <summary>
/// Razor Pages with individual accounts (<c>dotnet new webapp -au Individual</c>): string ids, a user class with a column of its own, roles, its own
/// context with proxies, SQLite.
/// </summary>
internal sealed class PagesTests() : IdentityPagesTests("Pages", "/Identity/Account")
{
    private string _startWithoutTables = "";

    protected override async Task PrepareStockAsync()
    {
        await Application.CreateAsync("webapp", "-au", "Individual");
        Application.Change("own.diff");
        Application.CopyOwn();
        await Application.BuildAsync();
        await Application.AddMigrationAsync("AddFavouriteColour");
        await Application.UpdateDatabaseAsync();
    }

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
    public async Task A_stock_cookie_is_no_session()
    {
        using var visitor = new Visitor(Running.Address, StockCookies);

        Assert.That(await StatusAsync(visitor), Is.EqualTo(HttpStatusCode.Redirect));
    }

    [Test]
    public void The_migration_adds_two_tables_and_nothing_else()
    {
        Assert.That(
            Application.ReadChanges("AddServerSideSessions"),
            Is.EqualTo(new[]
            {
                "CreateTable AuditEntries", "CreateTable UserSessions", "CreateIndex IX_AuditEntries_At", "CreateIndex IX_AuditEntries_UserId_Id",
                "CreateIndex IX_UserSessions_UserId_Id", "DropTable AuditEntries", "DropTable UserSessions",
            }));
    }
}
