using System.Net;
using AuthApi.Tests.Harness;
using Microsoft.Playwright;

namespace AuthApi.Samples.Tests;

/// <summary>Blazor with individual accounts, all of it interactive on the server (<c>dotnet new blazor -au Individual -ai</c>).</summary>
internal sealed class BlazorTests() : IdentityPagesTests("Blazor", "/Account")
{
    protected override string[] Settings => ["Sessions:CarryOverIdentityCookies=true"];

    protected override async Task PrepareStockAsync()
    {
        await Application.CreateAsync("blazor", "-au", "Individual", "--all-interactive");
        Application.Change("own.diff");
        Application.CopyOwn();
        await Application.BuildAsync();
    }

    [Test]
    public async Task A_stock_cookie_is_carried_over_once()
    {
        using var visitor = NewVisitor();
        visitor.Add(StockCookies);

        Assert.That(await StatusAsync(visitor), Is.EqualTo(HttpStatusCode.OK));
        Assert.That(visitor.CookieNames, Does.Contain("session").And.Not.Contain(".AspNetCore.Identity.Application"));
        using var carried = visitor.Copy();
        await LogOutAsync(visitor);

        using var copyOfOld = new Visitor(Running.Address, StockCookies);
        Assert.That(await StatusAsync(carried), Is.EqualTo(HttpStatusCode.Redirect));
        Assert.That(await StatusAsync(copyOfOld), Is.EqualTo(HttpStatusCode.Redirect), "it becomes a session once");
    }

    [Test]
    public async Task An_open_circuit_is_signed_out_by_a_logout_elsewhere()
    {
        using var registration = NewVisitor();
        await RegisterAsync(registration, "circuit@example.com");
        await using var chromium = await Chromium.StartAsync();
        var person = await chromium.NewPersonAsync();
        var tab = await person.NewPageAsync();
        await tab.GotoAsync(new Uri(Running.Address, "/Account/Login").ToString());
        await tab.FillAsync("[name='Input.Email']", "circuit@example.com");
        await tab.FillAsync("[name='Input.Password']", "Correct-horse-7");
        await tab.ClickAsync("button[type=submit]:text-is('Log in')");
        await Assertions.Expect(tab).ToHaveURLAsync(Running.Address.ToString(), new() { Timeout = 15_000 });
        await tab.GotoAsync(new Uri(Running.Address, "/counter").ToString());

        // Prerendered buttons do nothing yet; the circuit answers when one does.
        await Assertions.Expect(tab.Locator("p[role=status]")).ToHaveTextAsync("Current count: 0");
        await AssertCircuitIsOpenAsync(tab);
        var other = await person.NewPageAsync();
        await other.GotoAsync(new Uri(Running.Address, "/").ToString());
        await other.ClickAsync("nav button:has-text('Logout')");
        await Assertions.Expect(other.Locator("nav").GetByText("Login")).ToBeVisibleAsync();

        // No page of the first tab is loaded for this: the circuit itself learns of it.
        await Assertions.Expect(tab.Locator("nav").GetByText("Login")).ToBeVisibleAsync(new() { Timeout = 15_000 });
        await Assertions.Expect(tab.Locator("nav").GetByText("Logout")).ToHaveCountAsync(0);
        await AssertCircuitIsOpenAsync(tab);
    }

    private static async Task AssertCircuitIsOpenAsync(IPage tab)
    {
        using var timeout = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        var status = tab.Locator("p[role=status]");
        var before = await status.InnerTextAsync();
        while (await status.InnerTextAsync() == before)
        {
            timeout.Token.ThrowIfCancellationRequested();
            await tab.ClickAsync("button:text-is('Click me')");
        }
    }
}
