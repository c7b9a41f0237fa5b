using System.Net;
using System.Net.Http.Json;
using AuthApi.Identity;
using AuthApi.Mail;
using AuthApi.Tests.Harness;
using Microsoft.AspNetCore.Hosting;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;

namespace AuthApi.Tests.Accounts;

/// <summary>The message about a sign-in from a device and network that is new to an account.</summary>
[TestFixture(TestedStore.Sqlite)]
[TestFixture(TestedStore.PostgreSql)]
internal sealed class NewDeviceTests(TestedStore database)
{
    private const string Ada = "ada@example.com";
    private const string Subject = "a new device has signed in";
    private const string Firefox = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0";
    private const string LaterFirefox = "Mozilla/5.0 (X11; Linux x86_64; rv:141.0) Gecko/20100101 Firefox/141.0";
    private const string IPhone = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0 Mobile/15E148 Safari/604.1";

    private AuthApiApplication _application = null!;
    private Browser _browser = null!;

    [SetUp]
    public async Task SetUp()
    {
        _application = NewApplication();
        _browser = _application.NewBrowser();
        await _browser.RegisterAsync();
    }

    [TearDown]
    public async Task TearDown()
    {
        _browser.Dispose();
        await _application.DisposeAsync();
    }

    [Test]
    public async Task A_new_device_is_notified_of_once_and_never_the_first()
    {
        await SignInAsync(Firefox, "203.0.113.7");
        await SignInAsync(LaterFirefox, "203.0.113.200");
        await ShouldBeQuietAsync();

        await SignInAsync(IPhone, "203.0.113.7");
        var message = await _application.NextMailAsync(Ada, Subject);
        Assert.That(message.TextBody, Does.Contain("with Safari on iPhone").And.Contain("from the address 203.0.113.7").And.Contain("UTC")
            .And.Contain("https://auth.example.com/account/#devices"));

        await SignInAsync(IPhone, "203.0.113.8");
        await ShouldBeQuietAsync();
        await SignInAsync(Firefox, "198.51.100.1");
        await _application.NextMailAsync(Ada, Subject);
        await ShouldBeQuietAsync();
    }

    [Test]
    public async Task Sign_ins_at_once_from_a_new_device_send_one_message()
    {
        await SignInAsync(Firefox, "203.0.113.7");

        await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => SignInAsync(IPhone, "203.0.113.7")));

        await _application.NextMailAsync(Ada, Subject);
        await ShouldBeQuietAsync();
    }

    [Test]
    public async Task A_sign_in_before_there_were_devices_counts()
    {
        // As after the migration from a version that kept none.
        await SignInAsync(Firefox, "203.0.113.7");
        await _application.QueryAsync(context => context.Set<KnownDevice>().ExecuteDeleteAsync());
        _application.Time.Advance(TimeSpan.FromDays(1));

        await SignInAsync(Firefox, "203.0.113.7");
        await ShouldBeQuietAsync();
        await SignInAsync(IPhone, "203.0.113.7");
        await _application.NextMailAsync(Ada, Subject);
    }

    [Test]
    public async Task Devices_are_bounded_exported_and_deleted_with_the_account()
    {
        for (var i = 0; i <= KnownDevices.MaxPerUser; i++)
        {
            _application.Time.Advance(TimeSpan.FromSeconds(1));
            await SignInAsync(Firefox, $"10.0.{i}.1");
        }

        var stored = await _application.QueryAsync(context => context.Set<KnownDevice>().Select(device => device.Network).ToListAsync());
        Assert.That(stored, Has.Count.EqualTo(KnownDevices.MaxPerUser).And.None.EqualTo("10.0.0.0/24"));

        await _browser.LogInAsync();
        using var export = await _browser.GetAsync("/me/export/");
        var devices = (await export.JsonAsync())["devices"]!.AsArray();
        Assert.That(devices, Has.Count.EqualTo(KnownDevices.MaxPerUser));
        Assert.That(devices[1]!["device"]!.GetValue<string>(), Is.EqualTo("Firefox on Linux"));

        using var deleted = await _browser.DeleteAsync("/me/");
        Assert.That(deleted.StatusCode, Is.EqualTo(HttpStatusCode.NoContent));
        Assert.That(await _application.QueryAsync(context => context.Set<KnownDevice>().AnyAsync()), Is.False);
    }

    [Test]
    public async Task It_can_be_switched_off()
    {
        await using var application = NewApplication(("Accounts:NotifyNewDevices", "false"));
        using var browser = application.NewBrowser();
        await browser.RegisterAsync();
        await SignInAsync(Firefox, "203.0.113.7", application);
        await SignInAsync(IPhone, "203.0.113.7", application);

        Assert.That(await application.QueryAsync(context => context.Set<KnownDevice>().AnyAsync()), Is.False);
        Assert.That(await application.QueryAsync(context => context.Set<MailMessage>().AnyAsync()), Is.False);
        Assert.That(Directory.Exists(application.MailFolder), Is.False);
    }

    private AuthApiApplication NewApplication((string Key, string Value)? setting = null)
    {
        var settings = new Dictionary<string, string?> { ["Accounts:PublicUrl"] = "https://auth.example.com" };
        if (setting is { } one)
        {
            settings[one.Key] = one.Value;
        }

        return new AuthApiApplication(settings: settings, store: database, replace: services => services.AddSingleton<IStartupFilter>(new ClientAddress()));
    }

    private async Task SignInAsync(string userAgent, string address, AuthApiApplication? application = null)
    {
        using var browser = (application ?? _application).NewBrowser();
        using var response = await browser.SendAsync(
            HttpMethod.Post, "/login/", JsonContent.Create(new { email = Ada, password = Browser.Password }), request =>
            {
                request.Headers.TryAddWithoutValidation("User-Agent", userAgent);
                request.Headers.Add(ClientAddress.Header, address);
            });
        Assert.That(response.StatusCode, Is.EqualTo(HttpStatusCode.OK));
    }

    private async Task ShouldBeQuietAsync()
    {
        await _application.MailIsQuietAsync();
        Assert.That(Directory.Exists(_application.MailFolder) ? Directory.GetFiles(_application.MailFolder) : [], Is.Empty);
    }
}

/// <summary>The network of an address.</summary>
internal sealed class KnownDeviceTests
{
    [TestCase("203.0.113.7", "203.0.113.0/24")]
    [TestCase("2001:db8:1:2:3::4", "2001:db8:1::/48")]
    [TestCase("fe80::1%3", "fe80::/48")]
    [TestCase(null, "")]
    [TestCase("none", "")]
    public void The_network_of_an_address(string? address, string network) => Assert.That(KnownDevice.NetworkOf(address), Is.EqualTo(network));
}
