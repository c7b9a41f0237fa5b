using System.Net;
using AuthApi.Passwords;
using AuthApi.Tests.Harness;
using Microsoft.Extensions.DependencyInjection;

namespace AuthApi.Tests.Passwords;

/// <summary>New passwords are checked against breached ones by a service that never gets a password.</summary>
internal sealed class BreachedPasswordTests
{
    // The SHA-1 of Browser.Password.
    private const string Hash = "ABF7AAD6438836DBE526AA231ABDE2D0EEF74D42";

    [Test]
    public async Task A_breached_password_is_refused()
    {
        var service = new Service(_ => new HttpResponseMessage { Content = new StringContent($"{new string('0', 35)}:3\r\n{Hash[5..]}:42\r\n") });
        await using var application = Start(service);
        using var browser = application.NewBrowser();

        using var response = await browser.PostAsync("/register/", new { email = "ada@example.com", password = Browser.Password });

        await response.ShouldBeInvalidAsync("password");
        Assert.That(service.Asked, Is.EqualTo(new[] { $"https://range.example.com/range/{Hash[..5]}" }), "five digits of the hash and no more");
    }

    [TestCase("0")]
    [TestCase("nonsense")]
    public async Task A_line_that_pads_the_answer_is_no_breach(string count)
    {
        await using var application = Start(new Service(_ => new HttpResponseMessage { Content = new StringContent($"{Hash[5..]}:{count}\n") }));
        using var browser = application.NewBrowser();

        await browser.RegisterAsync();
    }

    [Test]
    public async Task Where_the_service_fails_the_password_passes()
    {
        var answers = new Queue<Func<HttpResponseMessage>>(
        [
            () => new HttpResponseMessage(HttpStatusCode.InternalServerError),
            () => throw new HttpRequestException("out of reach"),
            () => throw new TaskCanceledException("too slow"),
        ]);
        await using var application = Start(new Service(_ => answers.Dequeue()()));
        using var browser = application.NewBrowser();

        for (var i = 0; i < 3; i++)
        {
            await browser.RegisterAsync($"ada{i}@example.com");
        }

        Assert.That(answers, Is.Empty);
    }

    [Test]
    public async Task By_default_nothing_is_asked()
    {
        var service = new Service(_ => throw new InvalidOperationException());
        await using var application = Start(service, url: null);
        using var browser = application.NewBrowser();

        await browser.RegisterAsync();

        Assert.That(service.Asked, Is.Empty);
    }

    private static AuthApiApplication Start(Service service, string? url = "https://range.example.com/range/") => new(
        services => services.AddHttpClient(BreachedPasswordValidator.Client).ConfigurePrimaryHttpMessageHandler(() => service),
        settings: new() { ["Passwords:BreachCheckUrl"] = url });

    private sealed class Service(Func<HttpRequestMessage, HttpResponseMessage> answer) : HttpMessageHandler
    {
        public List<string> Asked { get; } = [];

        protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
        {
            Asked.Add(request.RequestUri!.ToString());
            return Task.FromResult(answer(request));
        }
    }
}
