using System.Collections.Concurrent;
using System.Text.RegularExpressions;
using AuthApi.Tests.Harness;
using AuthApi.Tests.House;
using Microsoft.Playwright;

namespace AuthApi.Tests.AccountPage;

/// <summary>
/// The account page in a real browser, used by clicking. What the browser complains of in its console fails the test, a violation of the page's policy among it; only answers of 4xx are meant.
/// </summary>
internal sealed partial class AccountPageBrowserTests
{
    private const string Other = "staple battery horse correct";

    private readonly ConcurrentQueue<string> _complaints = new();
    private readonly TemporaryFolder _folder = new();

    private Chromium? _chromium;
    private RunningProgram _program = null!;
    private AuthApiApplication? _own;
    private IBrowserContext _person = null!;
    private IPage _page = null!;
    private Screenshots _screenshots = null!;
    private string _host = null!;
    private string _ada = "";
    private int _adas;

    private Uri Home => new UriBuilder(_own?.ClientOptions.BaseAddress ?? _program.Address) { Host = _host }.Uri;

    [OneTimeSetUp]
    public async Task StartBrowserAndProgram()
    {
        _chromium = await Chromium.StartAsync();
        _program = await RunningProgram.StartAsync(_folder.Path, "--Accounts:PublicUrl=http://localhost");
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
        _host = "127.0.0.1";
        _ada = $"ada{++_adas}@example.com";
        _person = await _chromium!.NewPersonAsync();
        _page = await NewPageAsync(_person);
    }

    [TearDown]
    public async Task TearDown()
    {
        await _screenshots.TakeOfFailureAsync(_page);
        await _person.CloseAsync();
        if (_own is not null)
        {
            await _own.DisposeAsync();
            _own = null;
        }
    }

    [Test]
    public async Task A_person_registers_logs_a_device_out_and_leaves_the_page()
    {
        await OpenAsync("/");
        Assert.That(new Uri(_page.Url).AbsolutePath, Is.EqualTo("/account/"), "where the root leads");
        await KeepAsync("sign-in");
        await _page.GetByRole(AriaRole.Link, new() { Name = "Create an account" }).ClickAsync();
        await FillAsync("E-mail address", _ada);
        await FillAsync("Password", "short");
        await ClickAsync("Create the account");
        await ExpectAsync("Passwords must be at least 15 characters.");
        await KeepAsync("error-beside-the-field");
        await FillAsync("Password", Browser.Password);
        await ClickAsync("Create the account");
        await HeadingAsync("Your devices");
        await KeepAsync("devices");

        using var phone = NewBrowser();
        await phone.LogInAsync(_ada);
        await _page.ReloadAsync();
        await _page.GetByRole(AriaRole.Button, new() { NameRegex = new Regex("^Log out (?!this)") }).Last.ClickAsync();
        await ExpectAsync("has been logged out.");
        Assert.That(await phone.MeAsync(), Is.EqualTo(System.Net.HttpStatusCode.Unauthorized));

        await phone.LogInAsync(_ada);
        await _page.ReloadAsync();
        await ClickAsync("Log out everywhere else (1)");
        await ExpectAsync("One device has been logged out.");
        Assert.That(await phone.MeAsync(), Is.EqualTo(System.Net.HttpStatusCode.Unauthorized));

        await _page.GetByRole(AriaRole.Link, new() { Name = "Activity" }).ClickAsync();
        await HeadingAsync("Activity");
        await ExpectAsync("Logged out from another device");
        await KeepAsync("activity");

        await LogOutAsync();
        await ExpectAsync("You have logged out.");
        Assert.That(await _person.CookiesAsync(), Is.Empty);
        NothingElseShouldBeComplained();
    }

    [Test]
    public async Task A_page_learns_of_an_ended_session_at_its_next_call()
    {
        await SignInAsync();
        using var phone = NewBrowser();
        await phone.LogInAsync(_ada);
        using var others = await phone.LogOutAsync("others");

        await _page.GetByRole(AriaRole.Link, new() { Name = "Activity" }).ClickAsync();

        await ExpectAsync("Your session has ended: it was logged out from another device");
        await KeepAsync("ended");
        await FillAsync("E-mail address or user name", _ada);
        await FillAsync("Password", "not the right password");
        await ClickAsync("Sign in");
        await ExpectAsync("is not right.");
        await FillAsync("Password", Browser.Password);
        await ClickAsync("Sign in");
        await HeadingAsync("Your devices");
        NothingElseShouldBeComplained();
    }

    [Test]
    public async Task An_ended_session_closes_every_dialog()
    {
        StartOwn();
        await SignInAsync();
        await _page.GetByRole(AriaRole.Link, new() { Name = "Security", Exact = true }).ClickAsync();
        await ClickAsync("Set it up");
        var app = new AuthenticatorApp((await _page.Locator("dialog code").InnerTextAsync()).Replace(" ", "", StringComparison.Ordinal), _own!.Time);

        // The session goes on, and no sign-in is recent any more.
        _own.Time.Advance(TimeSpan.FromMinutes(11));
        await FillAsync("The six digits that the app shows", app.Code());
        await ClickAsync("Switch it on");
        await FillAsync("Your password", Browser.Password);
        using var phone = NewBrowser();
        await phone.LogInAsync(_ada);
        using var others = await phone.LogOutAsync("others");
        await ClickAsync("Go on");

        await ExpectAsync("Your session has ended: it was logged out from another device");
        await Assertions.Expect(_page.Locator("dialog")).ToHaveCountAsync(0);
        NothingElseShouldBeComplained();
    }

    [Test]
    public async Task A_page_changes_nothing_of_who_signed_in_in_another_tab()
    {
        await SignInAsync();
        await _page.GetByRole(AriaRole.Link, new() { Name = "Account", Exact = true }).ClickAsync();
        await ClickAsync("Delete my account");
        await ExpectAsync($"It is the account of {_ada}.");
        var (adas, ada) = (_page, _ada);
        _page = await _person.NewPageAsync();
        await OpenAsync("/account/");
        await LogOutAsync();
        _ada = $"eve{_adas}@example.com";
        await SignInAsync();
        var (eves, eve) = (_page, _ada);

        _page = adas;
        await ClickAsync("Delete it for good");
        await ExpectAsync($"{eve} has signed in in another tab.");
        await HeadingAsync("Your devices");
        using var phone = NewBrowser();
        await phone.LogInAsync(eve);
        await phone.LogInAsync(ada);

        // And when the tab is shown again.
        _page = eves;
        await LogOutAsync();
        await FillAsync("E-mail address or user name", ada);
        await FillAsync("Password", Browser.Password);
        await ClickAsync("Sign in");
        await HeadingAsync("Your devices");
        _page = adas;
        await _page.EvaluateAsync("() => document.dispatchEvent(new Event('visibilitychange'))");
        await ExpectAsync($"{ada} has signed in in another tab.");
        NothingElseShouldBeComplained();
    }

    [Test]
    public async Task A_link_cannot_put_words_into_the_page()
    {
        await OpenAsync("/account/#signin?isEnded=1&reason=Call+this+number");
        await HeadingAsync("Sign in");
        await Assertions.Expect(_page.GetByText("Call this number")).ToHaveCountAsync(0);
        NothingElseShouldBeComplained();
    }

    [Test]
    public async Task A_passkey_whose_name_is_cancelled_is_not_added()
    {
        _host = "localhost";
        await AddAuthenticatorAsync();
        await SignInAsync();
        await _page.GetByRole(AriaRole.Link, new() { Name = "Security", Exact = true }).ClickAsync();
        await ExpectAsync("is not confirmed yet. Until it is, anybody who reads your mailbox can set a new password, and the authenticator app and passkeys are removed then.");
        await _page.EvaluateAsync("() => { PublicKeyCredential.signalUnknownCredential = async unknown => { window.unknown = unknown; }; }");
        await ClickAsync("Add a passkey");
        await Assertions.Expect(_page.GetByLabel("Name", new() { Exact = true })).ToBeFocusedAsync();
        await _page.Keyboard.PressAsync("Escape");

        await ExpectAsync("No passkey has been added.");
        Assert.That(await _page.EvaluateAsync<string>("() => window.unknown.rpId"), Is.EqualTo("localhost"));
        await _page.ReloadAsync();
        await HeadingAsync("Security");
        await Assertions.Expect(_page.GetByRole(AriaRole.Button, new() { Name = "Rename Passkey" })).ToHaveCountAsync(0);
        NothingElseShouldBeComplained();
    }

    [Test]
    public async Task A_forgotten_password_is_set_by_the_link_of_a_message()
    {
        await RegisterAsync();
        await OpenAsync("/account/");
        await _page.GetByRole(AriaRole.Link, new() { Name = "I have forgotten my password" }).ClickAsync();
        await FillAsync("E-mail address", _ada);
        await ClickAsync("Mail me a code");
        await ExpectAsync("If there is an account with this address");
        await FillAsync("Code from the message", "7K3M-9QXW-2DTA");
        await FillAsync("New password", Other);
        await ClickAsync("Set the password");
        await ExpectAsync("The code is not right");
        await KeepAsync("wrong-code");

        await OpenAsync($"/account/{await NextLinkAsync("set a new password")}");
        await Assertions.Expect(_page).ToHaveURLAsync(new Uri(Home, "/account/#reset").ToString()); // No code stays in the address.
        Assert.That(await _page.GetByLabel("Code from the message").InputValueAsync(), Has.Length.EqualTo(14));
        await FillAsync("New password", Other);
        await ClickAsync("Set the password");
        await HeadingAsync("Sign in");
        await FillAsync("E-mail address or user name", _ada);
        await FillAsync("Password", Other);
        await ClickAsync("Sign in");
        await HeadingAsync("Your devices");
        NothingElseShouldBeComplained();
    }

    [Test]
    public async Task A_person_changes_password_address_and_name_and_leaves()
    {
        await SignInAsync();
        await _page.GetByRole(AriaRole.Link, new() { Name = "Security", Exact = true }).ClickAsync();
        await FillAsync("Current password", "not the right password");
        await FillAsync("New password", Other);
        await ClickAsync("Change the password");
        await ExpectAsync("is not right.");
        await FillAsync("Current password", Browser.Password);
        await ClickAsync("Change the password");
        await ExpectAsync("The password has been changed");
        await KeepAsync("security");

        await _page.GetByRole(AriaRole.Link, new() { Name = "Account", Exact = true }).ClickAsync();
        await HeadingAsync("Account");
        await KeepAsync("account");
        await ClickAsync("Mail me a code to confirm it");
        await HeadingAsync("Confirm your address");
        await OpenAsync($"/account/{await NextLinkAsync("confirm your address")}");
        await ClickAsync("Confirm");
        await ExpectAsync("Your address is confirmed.");

        await _page.GetByRole(AriaRole.Link, new() { Name = "Account", Exact = true }).ClickAsync();
        await FillAsync("New e-mail address", "ada@lovelace.example");
        await ClickAsync("Change the address");
        await HeadingAsync("Confirm your new address");

        // The link is opened by somebody who is not signed in, and leads on after the sign-in.
        await LogOutAsync();
        await OpenAsync($"/account/{await NextLinkAsync("confirm your new address", "ada@lovelace.example")}");
        await ExpectAsync("Sign in to confirm your new address.");
        await FillAsync("E-mail address or user name", _ada);
        await FillAsync("Password", Other);
        await ClickAsync("Sign in");
        await HeadingAsync("Confirm your new address");
        await ClickAsync("Confirm");
        await ExpectAsync("The address of your account is now ada@lovelace.example.");
        await FillAsync("User name", "ada");
        await ClickAsync("Change the name");
        await ExpectAsync("The user name has been changed.");

        var download = await _page.RunAndWaitForDownloadAsync(() => ClickAsync("Download it"));
        Assert.That(await File.ReadAllTextAsync(await download.PathAsync()), Does.Contain("\"ada@lovelace.example\""));

        await ClickAsync("Delete my account");
        await KeepAsync("leave");
        await ClickAsync("Delete it for good");
        await HeadingAsync("Sign in");
        await ExpectAsync("Your account has been deleted.");
        NothingElseShouldBeComplained();
    }

    [Test]
    public async Task Where_addresses_must_be_confirmed_the_page_asks_for_the_code()
    {
        StartOwn("Accounts:RequireConfirmedEmail", "true");
        await OpenAsync("/account/#register");
        await FillAsync("E-mail address", _ada);
        await FillAsync("Password", Browser.Password);
        await ClickAsync("Create the account");
        await HeadingAsync("Confirm your address");
        var link = await NextLinkAsync("confirm your address");

        await OpenAsync("/account/#signin");
        await FillAsync("E-mail address or user name", _ada);
        await FillAsync("Password", Browser.Password);
        await ClickAsync("Sign in");
        await ExpectAsync("The password is right. Confirm your address first");
        await OpenAsync($"/account/{link}");
        await ClickAsync("Confirm");
        await ExpectAsync("Your address is confirmed. Sign in with your password.");
        NothingElseShouldBeComplained();
    }

    [Test]
    public async Task A_person_sets_up_an_app_and_signs_in_with_its_code()
    {
        await SignInAsync();
        await _page.GetByRole(AriaRole.Link, new() { Name = "Security", Exact = true }).ClickAsync();
        await ClickAsync("Set it up");
        await Assertions.Expect(_page.GetByRole(AriaRole.Img)).ToBeVisibleAsync();
        Assert.That(await _page.GetByRole(AriaRole.Img).EvaluateAsync<int>("image => image.naturalWidth"), Is.GreaterThan(0), "the QR code is drawn");
        var app = new AuthenticatorApp((await _page.Locator("dialog code").InnerTextAsync()).Replace(" ", "", StringComparison.Ordinal), TimeProvider.System);
        await FillAsync("The six digits that the app shows", app.WrongCode());
        await ClickAsync("Switch it on");
        await ExpectAsync("The code is not right");
        await KeepAsync("set-up");
        await FillAsync("The six digits that the app shows", app.Code());
        await ClickAsync("Switch it on");
        await ExpectAsync("Your recovery codes");
        var codes = await _page.Locator(".codes li").AllInnerTextsAsync();
        Assert.That(codes, Has.Count.EqualTo(10));
        await KeepAsync("recovery-codes");
        await ClickAsync("I have kept them");
        await ExpectAsync("You have 10 recovery codes left");
        await KeepAsync("on");

        await LogOutAsync();
        await FillAsync("E-mail address or user name", _ada);
        await FillAsync("Password", Browser.Password);
        await ClickAsync("Sign in");
        await HeadingAsync("Second step");
        await FillAsync("The six digits that the app shows", app.WrongCode());
        await ClickAsync("Sign in");
        await ExpectAsync("is not right.");
        await KeepAsync("second-step");

        // The code that enabled the app counts as used, and so do earlier ones.
        await FillAsync("The six digits that the app shows", app.Code(1));
        await ClickAsync("Sign in");
        await HeadingAsync("Your devices");

        await LogOutAsync();
        await FillAsync("E-mail address or user name", _ada);
        await FillAsync("Password", Browser.Password);
        await ClickAsync("Sign in");
        await ClickAsync("I do not have the app: use a recovery code");
        await FillAsync("Recovery code", codes[0]);
        await ClickAsync("Sign in");
        await HeadingAsync("Your devices");
        await _page.GetByRole(AriaRole.Link, new() { Name = "Security", Exact = true }).ClickAsync();
        await ExpectAsync("You have 9 recovery codes left");
        await ClickAsync("New recovery codes");
        await ClickAsync("I have kept them");
        await ExpectAsync("You have 10 recovery codes left");
        await ClickAsync("Switch it off");
        await ExpectAsync("The authenticator app is off");
        NothingElseShouldBeComplained();
    }

    [Test]
    public async Task A_person_adds_a_passkey_and_signs_in_with_it()
    {
        // Passkeys belong to names, and a browser has them over plain HTTP on localhost only.
        _host = "localhost";
        await AddAuthenticatorAsync();
        await SignInAsync();
        await _page.GetByRole(AriaRole.Link, new() { Name = "Security", Exact = true }).ClickAsync();
        await AddPasskeyAsync("Laptop");
        await ClickAsync("Rename Laptop");
        await FillAsync("Name", "Old laptop");
        await ClickAsync("Keep");
        await ExpectAsync("Old laptop");
        await KeepAsync("passkeys");

        // By the button, in a browser that offers nothing by itself.
        await _page.EvaluateAsync("() => { PublicKeyCredential.isConditionalMediationAvailable = async () => false; }");
        await LogOutAsync();
        await ClickAsync("Sign in with a passkey");
        await HeadingAsync("Your devices");
        await KeepAsync("signed-in");

        // By the offer in the field of the address.
        await LogOutAsync();
        await _page.ReloadAsync();
        await HeadingAsync("Your devices");

        await _page.GetByRole(AriaRole.Link, new() { Name = "Security", Exact = true }).ClickAsync();
        await ClickAsync("Remove Old laptop");
        await ExpectAsync("The passkey Old laptop has been removed.");
        await Assertions.Expect(_page.GetByRole(AriaRole.Button, new() { Name = "Remove Old laptop" })).ToHaveCountAsync(0);
        NothingElseShouldBeComplained();
    }

    [Test]
    public async Task A_lost_account_is_recovered_with_a_recovery_code()
    {
        await SignInAsync();
        await _page.GetByRole(AriaRole.Link, new() { Name = "Security", Exact = true }).ClickAsync();
        await ClickAsync("New recovery codes");
        var recoveryCode = await _page.Locator(".codes li").First.InnerTextAsync();
        await ClickAsync("I have kept them");
        await LogOutAsync();
        await _page.GetByRole(AriaRole.Link, new() { Name = "I have forgotten my password" }).ClickAsync();
        await FillAsync("E-mail address", _ada);
        await ClickAsync("Mail me a code");
        var code = (await NextLinkAsync("set a new password")).Split("code=")[1];
        await _page.GetByRole(AriaRole.Link, new() { NameRegex = new Regex("have a recovery code") }).ClickAsync();
        await HeadingAsync("Recover your account"); // Both views have the first fields.

        await FillAsync("E-mail address", _ada);
        await FillAsync("Code from the message", code);
        await FillAsync("Recovery code", recoveryCode);
        await ClickAsync("Go on");
        await ExpectAsync("You are in for ten minutes");
        await KeepAsync("recovered");
        await FillAsync("New password", Other);
        await ClickAsync("Set the password");
        await ExpectAsync("The password is set. Sign in with it.");
        await FillAsync("E-mail address or user name", _ada);
        await FillAsync("Password", Other);
        await ClickAsync("Sign in");
        await HeadingAsync("Your devices");
        NothingElseShouldBeComplained();
    }

    [Test]
    public async Task A_passkey_proves_who_somebody_is_once_more()
    {
        StartOwn();
        _host = "localhost";
        await AddAuthenticatorAsync();
        await SignInAsync();
        await _page.GetByRole(AriaRole.Link, new() { Name = "Security", Exact = true }).ClickAsync();
        await AddPasskeyAsync("Laptop");

        // The session goes on, and no sign-in is recent any more.
        _own!.Time.Advance(TimeSpan.FromMinutes(11));
        await ClickAsync("Remove Laptop");
        await ClickAsync("Use a passkey");
        await ExpectAsync("The passkey Laptop has been removed.");
        NothingElseShouldBeComplained();
    }

    [Test]
    public async Task A_second_visit_draws_after_one_request()
    {
        await SignInAsync();
        var again = await _person.NewPageAsync();
        await again.AddInitScriptAsync(
            "new MutationObserver(() => { window.drawnAt ??= document.querySelector('h1') ? performance.now() : undefined; }).observe(document, { childList: true, subtree: true });");
        await again.GotoAsync(new Uri(Home, "/account/").ToString());
        await Assertions.Expect(again.GetByRole(AriaRole.Heading, new() { Level = 1 })).ToHaveTextAsync("Your devices");

        // What came from the cache of the browser has no size.
        var awaited = await again.EvaluateAsync<string[]>(
            "() => performance.getEntries().filter(entry => entry.transferSize > 0 && entry.responseEnd <= window.drawnAt).map(entry => entry.name)");
        Assert.That(awaited, Is.EqualTo(new[] { new Uri(Home, "/me/").ToString() }));
        NothingElseShouldBeComplained();
    }

    [Test]
    public async Task A_kept_page_of_an_earlier_version_is_loaded_again()
    {
        // A browser has kept the page, and not its files.
        var loads = 0;
        await _page.RouteAsync("**/account/", async route =>
        {
            var response = await route.FetchAsync();
            var page = await response.TextAsync();
            await route.FulfillAsync(new() { Response = response, Body = ++loads == 1 ? Version().Replace(page, "0123456789abcdef/") : page });
        });

        await _page.GotoAsync(new Uri(Home, "/account/#register").ToString(), new() { WaitUntil = WaitUntilState.Commit });

        await HeadingAsync("Create an account");
        Assert.That(loads, Is.EqualTo(2));
    }

    [Test]
    public async Task A_violation_of_the_pages_policy_fails_these_tests()
    {
        await OpenAsync("/account/");
        await HeadingAsync("Sign in");
        NothingElseShouldBeComplained();

        await _page.RunAndWaitForConsoleMessageAsync(() => _page.EvaluateAsync(
            "() => { const style = document.createElement('style'); style.textContent = 'p { color: red }'; document.head.append(style); }"));

        Assert.That(_complaints.Single(), Does.Contain("Content Security Policy"));
    }

    [Test]
    public async Task A_call_that_needs_the_password_asks_for_it_and_goes_on()
    {
        StartOwn();
        await SignInAsync();
        using var phone = NewBrowser();
        await phone.LogInAsync(_ada);

        await _page.ReloadAsync();
        await HeadingAsync("Your devices");
        await Assertions.Expect(_page.GetByRole(AriaRole.Dialog)).ToHaveCountAsync(0);

        // The session goes on, and no sign-in is recent any more.
        _own!.Time.Advance(TimeSpan.FromMinutes(11));
        await ClickAsync("Log out everywhere else (1)");
        await FillAsync("Your password", "not the right password");
        await ClickAsync("Go on");
        await ExpectAsync("is not right.");
        await KeepAsync("dialog");
        await FillAsync("Your password", Browser.Password);
        await ClickAsync("Go on");
        await ExpectAsync("has been logged out.");
        Assert.That(await phone.MeAsync(), Is.EqualTo(System.Net.HttpStatusCode.Unauthorized));
        NothingElseShouldBeComplained();
    }

    [TestCase(ColorScheme.Light, 1280)]
    [TestCase(ColorScheme.Dark, 360)]
    public async Task Every_view_is_accessible(ColorScheme colors, int width)
    {
        var axe = await AxeAsync();
        await _page.EmulateMediaAsync(new() { ColorScheme = colors });
        await _page.SetViewportSizeAsync(width, 800);
        foreach (var view in new[] { "signin", "register", "forgot", "reset", "recover", "confirm" })
        {
            await OpenAsync($"/account/#{view}");
            await ShouldBeAccessibleAsync(view);
        }

        await SignInAsync();
        foreach (var view in new[] { "devices", "activity", "security", "account", "email" })
        {
            await OpenAsync($"/account/#{view}");
            await ShouldBeAccessibleAsync(view);
        }

        foreach (var (view, opener) in new[] { ("account", "Delete my account"), ("security", "Set it up") })
        {
            await OpenAsync($"/account/#{view}");
            await ClickAsync(opener);
            await Assertions.Expect(_page.GetByRole(AriaRole.Dialog)).ToBeVisibleAsync();
            await ShouldBeAccessibleAsync($"{view}-dialog", isDialog: true);
            await _page.Keyboard.PressAsync("Escape");
            await Assertions.Expect(_page.GetByRole(AriaRole.Dialog)).ToHaveCountAsync(0);
        }

        NothingElseShouldBeComplained();

        async Task ShouldBeAccessibleAsync(string view, bool isDialog = false)
        {
            await Assertions.Expect(isDialog ? _page.Locator("dialog :focus") : _page.GetByRole(AriaRole.Heading, new() { Level = 1 })).ToBeFocusedAsync();
            await KeepAsync($"{view}-{colors}-{width}");
            Assert.That(await _page.EvaluateAsync<int>("() => document.documentElement.scrollWidth - innerWidth"), Is.LessThanOrEqualTo(0), $"{view} is as wide as the window");
            await _page.EvaluateAsync(axe);
            var found = await _page.EvaluateAsync<string[]>(
                "async () => (await axe.run()).violations.map(violation => `${violation.id}: ${violation.nodes.map(node => node.html).join(' ')}`)");
            Assert.That(found, Is.Empty, view);
        }
    }

    [Test]
    public async Task A_person_signs_in_with_the_keyboard_alone()
    {
        await RegisterAsync();
        await OpenAsync("/account/");
        await HeadingAsync("Sign in");
        var password = _page.GetByLabel("Password", new() { Exact = true });
        await Assertions.Expect(password).ToHaveAttributeAsync("type", "password");
        await Assertions.Expect(password).ToHaveAttributeAsync("autocomplete", "current-password");
        foreach (var (key, text) in new[] { ("Tab", _ada), ("Tab", Browser.Password) })
        {
            await _page.Keyboard.PressAsync(key);
            await _page.Keyboard.TypeAsync(text);
        }

        await _page.Keyboard.PressAsync("Enter");
        await HeadingAsync("Your devices");
        await Assertions.Expect(_page.GetByRole(AriaRole.Heading, new() { Level = 1 })).ToBeFocusedAsync();
        NothingElseShouldBeComplained();
    }

    [Test]
    public async Task The_page_works_below_a_path_prefix()
    {
        StartOwn("PathBase", "/auth");
        await OpenAsync("/auth/");
        Assert.That(new Uri(_page.Url).AbsolutePath, Is.EqualTo("/auth/account/"));
        await _page.GetByRole(AriaRole.Link, new() { Name = "Create an account" }).ClickAsync();
        await FillAsync("E-mail address", _ada);
        await FillAsync("Password", Browser.Password);
        await ClickAsync("Create the account");
        await HeadingAsync("Your devices");
        NothingElseShouldBeComplained();
    }

    // Of a message that the program has written, what stands after the address of the page.
    private async Task<string> NextLinkAsync(string subject, string? to = null)
    {
        if (_own is not null)
        {
            return Link().Match((await _own.NextMailAsync(to ?? _ada, subject)).TextBody!).Value;
        }

        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        var folder = Path.Combine(_folder.Path, "data", "mail");
        while (true)
        {
            foreach (var file in Directory.Exists(folder) ? Directory.GetFiles(folder, "*.eml") : [])
            {
                var message = await MimeKit.MimeMessage.LoadAsync(file, limit.Token);
                if (message.To.ToString() == (to ?? _ada) && message.Subject!.Contains(subject, StringComparison.Ordinal))
                {
                    File.Delete(file);
                    return Link().Match(message.TextBody!).Value;
                }
            }

            await Task.Delay(50, limit.Token);
        }
    }

    private static async Task<string> AxeAsync()
    {
        var file = Path.Combine(Repository.Root, "tests", "clients", "node_modules", "axe-core", "axe.min.js");
        if (!File.Exists(file))
        {
            Needs.Missing("axe-core, which npm ci installs in tests/clients,");
        }

        return await File.ReadAllTextAsync(file);
    }

    // An application of the test's own in this process, with other settings and a clock that it sets. It starts at the browser's time, or a cookie would have expired.
    private void StartOwn(string? key = null, string? value = null)
    {
        var settings = new Dictionary<string, string?> { ["Accounts:PublicUrl"] = "http://localhost" };
        if (key is not null)
        {
            settings[key] = value;
        }

        _own = new AuthApiApplication(settings: settings, kestrel: true);
        _own.Time.SetUtcNow(TimeProvider.System.GetUtcNow());
        _own.StartServer();
    }

    private Browser NewBrowser() => _own?.NewBrowser() ?? _program.NewBrowser();

    private async Task<IPage> NewPageAsync(IBrowserContext person)
    {
        person.Console += (_, message) =>
        {
            if (message.Type is "error" or "warning" && !Refusal().IsMatch(message.Text))
            {
                _complaints.Enqueue($"{message.Location} {message.Text}");
            }
        };
        person.Request += (_, request) =>
        {
            if (!request.Url.StartsWith(Home.ToString(), StringComparison.Ordinal) && !request.Url.StartsWith("data:", StringComparison.Ordinal))
            {
                _complaints.Enqueue($"{request.Url} is elsewhere.");
            }
        };
        person.WebError += (_, error) => _complaints.Enqueue(error.Error);
        person.RequestFailed += (_, request) => _complaints.Enqueue($"{request.Url} {request.Failure}");
        return await person.NewPageAsync();
    }

    private async Task LogOutAsync()
    {
        await _page.GetByRole(AriaRole.Navigation).GetByRole(AriaRole.Button, new() { Name = "Log out" }).ClickAsync();
        await HeadingAsync("Sign in");
    }

    private async Task AddPasskeyAsync(string name)
    {
        await ClickAsync("Add a passkey");
        await FillAsync("Name", name);
        await ClickAsync("Keep");
        await ExpectAsync($"The passkey {name} has been added.");
    }

    // The browser's own, which answers for the person at once.
    private async Task AddAuthenticatorAsync()
    {
        var browser = await _person.NewCDPSessionAsync(_page);
        await browser.SendAsync("WebAuthn.enable");
        await browser.SendAsync("WebAuthn.addVirtualAuthenticator", new()
        {
            ["options"] = new
            {
                protocol = "ctap2",
                transport = "internal",
                hasResidentKey = true,
                hasUserVerification = true,
                isUserVerified = true,
                automaticPresenceSimulation = true,
            },
        });
    }

    private async Task RegisterAsync()
    {
        using var browser = NewBrowser();
        await browser.RegisterAsync(_ada);
    }

    private async Task SignInAsync()
    {
        await RegisterAsync();
        await OpenAsync("/account/");
        await FillAsync("E-mail address or user name", _ada);
        await FillAsync("Password", Browser.Password);
        await ClickAsync("Sign in");
        await HeadingAsync("Your devices");
    }

    // Returns when the view is drawn: an address that differs after the # alone loads nothing, and the view before it has fields of the same names. The same address draws nothing.
    private async Task OpenAsync(string path)
    {
        var address = new Uri(Home, path).ToString();
        if (_page.Url != address)
        {
            await _page.EvaluateAsync("() => document.querySelector('h1')?.setAttribute('data-before', '')");
        }

        await _page.GotoAsync(address);
        await _page.Locator("h1:not([data-before])").WaitForAsync();
    }

    private Task FillAsync(string label, string value) => _page.GetByLabel(label, new() { Exact = true }).FillAsync(value);

    private Task ClickAsync(string name) => _page.GetByRole(AriaRole.Button, new() { Name = name, Exact = true }).First.ClickAsync();

    private Task ExpectAsync(string text) => Assertions.Expect(_page.GetByText(text).First).ToBeVisibleAsync();

    private Task HeadingAsync(string text) => Assertions.Expect(_page.GetByRole(AriaRole.Heading, new() { Level = 1 })).ToHaveTextAsync(text);

    private Task KeepAsync(string what) => _screenshots.TakeAsync(what, path => _page.ScreenshotAsync(new() { Path = path, FullPage = true }));

    private void NothingElseShouldBeComplained() => Assert.That(_complaints, Is.Empty);

    [GeneratedRegex("#[a-z]+[?][^\\s]+")]
    private static partial Regex Link();

    // The folder of the page's files.
    [GeneratedRegex("[A-Za-z0-9_-]{16}/(?=[a-z]+[.])")]
    private static partial Regex Version();

    // Chromium says so of every answer of 400 and above.
    [GeneratedRegex("^Failed to load resource: the server responded with a status of 4[0-9]{2} ")]
    private static partial Regex Refusal();
}
