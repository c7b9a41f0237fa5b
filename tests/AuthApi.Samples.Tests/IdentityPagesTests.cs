using System.Net;
using System.Text.Json.Nodes;

namespace AuthApi.Samples.Tests;

/// <summary>
/// What holds for an application with the pages of Identity, before and after it has adopted the packages: driven by its own pages, as a person
/// does it. Each application is made, built and started once.
/// </summary>
/// <param name="sample">The name of its folder in <c>tests/AuthApi.Samples</c>.</param>
/// <param name="account">The path of its account pages.</param>
internal abstract class IdentityPagesTests(string sample, string account)
{
    private const string Password = "Correct-horse-7";
    private const string NewPassword = "Battery-staple-8";

    private Visitor _leftSignedIn = null!;
    private HttpStatusCode _stockCopy;
    private string _stockCopied = "";
    private RunningApplication? _running;

    protected Application Application { get; } = new(sample);

    protected RunningApplication Running => _running!;

    /// <summary>Settings that the adopted application starts with.</summary>
    protected virtual string[] Settings => [];

    /// <summary>Makes and builds the application that has not adopted anything.</summary>
    protected abstract Task PrepareStockAsync();

    /// <summary>What is looked at before the tables are there.</summary>
    protected virtual Task BeforeUpdateAsync() => Task.CompletedTask;

    [OneTimeSetUp]
    public async Task AdoptAsync()
    {
        await PrepareStockAsync();
        await using (var stock = await Application.StartAsync())
        {
            using var visitor = new Visitor(stock.Address);
            await RegisterAsync(visitor, "before@example.com");
            await LogInAsync(visitor, "before@example.com");
            using var copy = visitor.Copy();
            await LogOutAsync(visitor);
            (_stockCopy, _stockCopied) = (await StatusAsync(copy), visitor.Cookies);

            _leftSignedIn = new Visitor(stock.Address);
            await LogInAsync(_leftSignedIn, "before@example.com");
        }

        await Application.AddPackageAsync("AuthApi.Sessions.Sqlite", AdoptersMachine.Version);
        Application.Change("adopt.diff");
        Application.Change("list.diff");
        await Application.BuildAsync();
        await Application.AddMigrationAsync("AddServerSideSessions");
        await BeforeUpdateAsync();
        await Application.UpdateDatabaseAsync();
        _running = await Application.StartAsync(Settings);
    }

    [OneTimeTearDown]
    public async Task EndAsync()
    {
        _leftSignedIn?.Dispose();
        if (_running is not null)
        {
            await _running.DisposeAsync();
        }
    }

    [Test]
    public void Before_a_copied_cookie_works_after_the_logout()
    {
        Assert.That(_stockCopy, Is.EqualTo(HttpStatusCode.OK), "what this is all about");
        Assert.That(_stockCopied, Does.Not.Contain("Identity.Application"), "the logout has removed the cookie");
    }

    [Test]
    public async Task Logout_ends_the_session_so_a_copy_is_refused()
    {
        using var visitor = NewVisitor();
        await RegisterAsync(visitor, "copy@example.com");
        await LogInAsync(visitor, "copy@example.com");
        using var copy = visitor.Copy();
        Assert.That(visitor.CookieNames, Does.Contain("session").And.Not.Contain(".AspNetCore.Identity.Application"));
        Assert.That(await StatusAsync(copy), Is.EqualTo(HttpStatusCode.OK));

        await LogOutAsync(visitor);

        Assert.That(visitor.CookieNames, Does.Not.Contain("session"));
        using var refused = await copy.GetAsync($"{account}/Manage/Email");
        Assert.That(refused.StatusCode, Is.EqualTo(HttpStatusCode.Redirect));
        Assert.That(refused.Headers.Location!.PathAndQuery, Is.EqualTo($"{account}/Login?ReturnUrl={Uri.EscapeDataString($"{account}/Manage/Email")}"));
    }

    [Test]
    public async Task A_new_password_ends_the_other_device_only()
    {
        using var laptop = NewVisitor();
        using var phone = NewVisitor();
        await RegisterAsync(laptop, "password@example.com");
        await LogInAsync(laptop, "password@example.com");
        await LogInAsync(phone, "password@example.com");
        using var oldCookie = laptop.Copy();

        var page = await laptop.SubmitAsync($"{account}/Manage/ChangePassword", form => form.Contains("Input.OldPassword", StringComparison.Ordinal), new()
        {
            ["Input.OldPassword"] = Password,
            ["Input.NewPassword"] = NewPassword,
            ["Input.ConfirmPassword"] = NewPassword,
        });

        Assert.That(page, Does.Contain("Your password has been changed"));
        Assert.That(await IsSignedInAsync(laptop), Is.True, "this device");
        Assert.That(await IsSignedInAsync(phone), Is.False, "the other one");
        Assert.That(await StatusAsync(oldCookie), Is.EqualTo(HttpStatusCode.Redirect), "what this device had before");
    }

    [Test]
    public async Task An_account_from_before_logs_in()
    {
        using var visitor = NewVisitor();

        await LogInAsync(visitor, "before@example.com");

        Assert.That(await IsSignedInAsync(visitor), Is.True);
    }

    [Test]
    public async Task A_second_factor_is_asked_for_at_once()
    {
        using var visitor = NewVisitor();
        await RegisterAsync(visitor, "factor@example.com");
        await LogInAsync(visitor, "factor@example.com");
        var key = Visitor.TextOf(await visitor.OpenAsync($"{account}/Manage/EnableAuthenticator"), "kbd");

        // The stock page makes a key when it is opened for the first time, which changes the security stamp, and does not sign in again: this session goes on.
        Assert.That(await IsSignedInAsync(visitor), Is.True);
        using var other = NewVisitor();
        await LogInAsync(other, "factor@example.com");
        await visitor.SubmitAsync(
            $"{account}/Manage/EnableAuthenticator",
            form => form.Contains("Input.Code", StringComparison.Ordinal),
            new() { ["Input.Code"] = OneTimeCode.Of(key, TimeProvider.System.GetUtcNow()) });

        // The same when it turns the factor on; every other device proves it.
        Assert.That((await IsSignedInAsync(visitor), await IsSignedInAsync(other)), Is.EqualTo((true, false)));
        await LogOutAsync(visitor);
        await SubmitLoginAsync(visitor, "factor@example.com");
        Assert.That(await IsSignedInAsync(visitor), Is.False, "without the second factor");
        await visitor.SubmitAsync(
            $"{account}/LoginWith2fa",
            form => form.Contains("Input.TwoFactorCode", StringComparison.Ordinal),
            new() { ["Input.TwoFactorCode"] = OneTimeCode.Of(key, TimeProvider.System.GetUtcNow()), ["Input.RememberMachine"] = "false" });
        Assert.That(await IsSignedInAsync(visitor), Is.True);
    }

    [Test]
    public async Task A_deleted_account_leaves_no_session()
    {
        using var laptop = NewVisitor();
        using var phone = NewVisitor();
        await RegisterAsync(laptop, "deleted@example.com");
        await LogInAsync(laptop, "deleted@example.com");
        await LogInAsync(phone, "deleted@example.com");

        await laptop.SubmitAsync(
            $"{account}/Manage/DeletePersonalData", form => form.Contains("Input.Password", StringComparison.Ordinal), new() { ["Input.Password"] = Password });

        Assert.That(laptop.CookieNames, Does.Not.Contain("session"));
        Assert.That(await IsSignedInAsync(phone), Is.False);
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
        Assert.That(new[] { before, with, after }, Is.EqualTo(new[] { $"{account}/AccessDenied", "/admin", $"{account}/AccessDenied" }));
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

    /// <summary>The cookies of a visitor who was signed in when the stock application was ended.</summary>
    protected string StockCookies => _leftSignedIn.Cookies;

    protected Visitor NewVisitor() => new(Running.Address);

    protected async Task RegisterAsync(Visitor visitor, string email)
    {
        var page = await visitor.SubmitAsync($"{account}/Register", form => form.Contains("Input.ConfirmPassword", StringComparison.Ordinal), new()
        {
            ["Input.Email"] = email,
            ["Input.Password"] = Password,
            ["Input.ConfirmPassword"] = Password,
        });
        await visitor.OpenAsync(Visitor.LinkOf(page, "Click here to confirm your account"));
    }

    protected async Task LogInAsync(Visitor visitor, string email)
    {
        await SubmitLoginAsync(visitor, email);
        Assert.That(await IsSignedInAsync(visitor), Is.True, email);
    }

    private Task<string> SubmitLoginAsync(Visitor visitor, string email) =>
        visitor.SubmitAsync($"{account}/Login", form => form.Contains("Input.Password", StringComparison.Ordinal), new()
        {
            ["Input.Email"] = email,
            ["Input.Password"] = Password,
            ["Input.RememberMe"] = "false",
        });

    protected static Task LogOutAsync(Visitor visitor) =>
        visitor.SubmitAsync("/", form => form.Contains("Account/Logout", StringComparison.Ordinal));

    /// <summary>The answer to a page for those who are signed in.</summary>
    protected async Task<HttpStatusCode> StatusAsync(Visitor visitor)
    {
        using var response = await visitor.GetAsync($"{account}/Manage/Email");
        return response.StatusCode;
    }

    private async Task<bool> IsSignedInAsync(Visitor visitor)
    {
        using var response = await visitor.GetAsync($"{account}/Manage/Email");
        return response.RequestMessage!.RequestUri!.AbsolutePath == $"{account}/Manage/Email" && response.StatusCode == HttpStatusCode.OK;
    }

    // Where a visitor ends up who asks for the page of administrators.
    private static async Task<string> AdminAsync(Visitor visitor)
    {
        using var response = await visitor.GetAsync("/admin");
        return response.RequestMessage!.RequestUri!.AbsolutePath;
    }
}
