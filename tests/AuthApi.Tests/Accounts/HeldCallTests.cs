using System.Net;
using System.Text;
using System.Text.Json;
using AuthApi.Tests.Harness;
using Microsoft.AspNetCore.Authorization;
using Microsoft.Extensions.DependencyInjection;

namespace AuthApi.Tests.Accounts;

/// <summary>
/// Calls that are authenticated before their session ends and go on after it: those whose body comes later, as a thief can hold one, and those without a body, by chance. None must
/// give back what the owner has just taken away.
/// </summary>
[TestFixture(TestedStore.Sqlite)]
[TestFixture(TestedStore.PostgreSql)]
internal sealed class HeldCallTests(TestedStore database)
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    [Test]
    public async Task A_held_call_changes_nothing_once_its_session_has_ended()
    {
        var authorized = new NextAuthorization();
        await using var application = new AuthApiApplication(services => services.AddSingleton<IAuthorizationHandler>(authorized), store: database);
        using var owner = await application.NewLoggedInBrowserAsync();
        using var thief = application.NewBrowser();
        using var authenticator = new SoftwareAuthenticator();

        await HoldAsync(HttpMethod.Patch, "/me/", () => Task.FromResult<object>(new { userName = "thief" }));
        await HoldAsync(HttpMethod.Post, "/password/change/", () => Task.FromResult<object>(new { currentPassword = Browser.Password, newPassword = "staple battery horse correct" }));
        await HoldAsync(HttpMethod.Post, "/email/change/", () => Task.FromResult<object>(new { newEmail = "thief@example.com" }));
        await HoldAsync(HttpMethod.Post, "/two-factor/enable/", async () =>
        {
            using var setup = await thief.PostAsync("/two-factor/setup/");
            return new { code = new AuthenticatorApp((await setup.JsonAsync())["sharedKey"]!.GetValue<string>(), application.Time).Code() };
        });
        await HoldAsync(HttpMethod.Post, "/passkeys/", async () =>
        {
            using var options = await thief.PostAsync("/passkeys/options/");
            return new { credential = authenticator.Create(await options.JsonAsync()), name = "Phone" };
        });

        await HoldAsync(HttpMethod.Post, "/email/change/confirm/", async () =>
        {
            (await thief.PostAsync("/email/change/", new { newEmail = "thief@example.com" })).Dispose();
            return new { newEmail = "thief@example.com", code = await application.NextCodeAsync("thief@example.com", "confirm your new address") };
        });
        await HoldAsync(HttpMethod.Post, "/reauthenticate/", () => Task.FromResult<object>(new { password = Browser.Password }));

        using var passkeys = await owner.GetAsync("/passkeys/");
        Assert.That((await passkeys.JsonAsync())["items"]!.AsArray(), Is.Empty);
        using var me = await owner.GetAsync("/me/");
        Assert.That((string?)(await me.JsonAsync())["userName"], Is.EqualTo("ada@example.com"));
        await owner.LogInAsync(); // without a code, and with the password and the address as they were

        using var options = await owner.PostAsync("/passkeys/options/");
        (await owner.PostAsync("/passkeys/", new { credential = authenticator.Create(await options.JsonAsync()), name = "Phone" })).Dispose();
        await HoldAsync(HttpMethod.Patch, $"/passkeys/{authenticator.Id}/", () => Task.FromResult<object>(new { name = "The thief's" }));

        // Without a body.
        await HoldAsync(HttpMethod.Delete, $"/passkeys/{authenticator.Id}/");
        await HoldAsync(HttpMethod.Post, "/two-factor/setup/");
        await HoldAsync(HttpMethod.Post, "/two-factor/recovery-codes/");
        await HoldAsync(HttpMethod.Post, "/two-factor/disable/");
        await HoldAsync(HttpMethod.Delete, "/me/");

        using var kept = await owner.GetAsync("/passkeys/");
        Assert.That((await kept.JsonAsync())["items"]!.AsArray().Select(item => (string?)item!["name"]), Is.EqualTo(new[] { "Phone" }));
        using var twoFactor = await owner.GetAsync("/two-factor/");
        Assert.That((int?)(await twoFactor.JsonAsync())["recoveryCodesLeft"], Is.Zero);

        async Task HoldAsync(HttpMethod method, string path, Func<Task<object>>? prepare = null)
        {
            await thief.LogInAsync();
            using var body = prepare is null ? null : new HeldContent(await prepare());
            var held = authorized.HoldNext(isLetOn: body is not null);
            var call = thief.SendAsync(method, path, body);
            await held.Reached;

            using var ended = await owner.PostAsync("/logout/?scope=others");
            Assert.That((int?)(await ended.JsonAsync())["endedSessions"], Is.EqualTo(1));
            body?.Release();
            held.LetOn();

            using var response = await call.WaitAsync(Patience);
            await response.ShouldBeProblemAsync(HttpStatusCode.Unauthorized, "not_authenticated");
        }
    }

    [Test]
    public async Task A_held_call_changes_nothing_once_its_token_is_renewed()
    {
        const string other = "staple battery horse correct";
        var authorized = new NextAuthorization();
        await using var application = new AuthApiApplication(services => services.AddSingleton<IAuthorizationHandler>(authorized), store: database);
        using var owner = await application.NewLoggedInBrowserAsync();
        using var authenticator = new SoftwareAuthenticator();

        // The thief has a copy of the owner's token, so both have one session.
        foreach (var (renewal, proof) in new (string, object)[]
        {
            ("/reauthenticate/", new { password = Browser.Password }),
            ("/password/change/", new { currentPassword = Browser.Password, newPassword = other }),
            ("/reauthenticate/", new { password = other }),
        })
        {
            using var thief = owner.Copy();
            using var options = await thief.PostAsync("/passkeys/options/");
            using var setup = await thief.PostAsync("/two-factor/setup/");
            var app = new AuthenticatorApp((await setup.JsonAsync())["sharedKey"]!.GetValue<string>(), application.Time);
            (HttpMethod Method, string Path, HeldContent Body)[] held =
            [
                (HttpMethod.Post, "/passkeys/", new HeldContent(new { credential = authenticator.Create(await options.JsonAsync()), name = "Phone" })),
                (HttpMethod.Post, "/two-factor/enable/", new HeldContent(new { code = app.Code() })),
                (HttpMethod.Patch, "/me/", new HeldContent(new { userName = "thief" })),
            ];
            var calls = new List<Task<HttpResponseMessage>>();
            foreach (var (method, path, body) in held)
            {
                var next = authorized.HoldNext(isLetOn: true);
                calls.Add(thief.SendAsync(method, path, body));
                await next.Reached;
            }

            using var renewed = await owner.PostAsync(renewal, proof);
            Assert.That(renewed.StatusCode, Is.EqualTo(HttpStatusCode.OK), await renewed.Content.ReadAsStringAsync());
            Array.ForEach(held, call => call.Body.Release());
            foreach (var response in await Task.WhenAll(calls).WaitAsync(Patience))
            {
                await response.ShouldBeProblemAsync(HttpStatusCode.Unauthorized, "not_authenticated");
                response.Dispose();
            }
        }

        Assert.That((await owner.GetJsonAsync("/passkeys/"))["items"]!.AsArray(), Is.Empty);
        var me = await owner.GetJsonAsync("/me/");
        Assert.That(((string?)me["userName"], (bool?)me["twoFactorEnabled"]), Is.EqualTo(("ada@example.com", false)));
    }

    /// <summary>A body of JSON whose end is sent when it is released.</summary>
    private sealed class HeldContent : HttpContent
    {
        private readonly byte[] _json;
        private readonly TaskCompletionSource _released = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public HeldContent(object body)
        {
            _json = Encoding.UTF8.GetBytes(JsonSerializer.Serialize(body));
            Headers.ContentType = new("application/json");
        }

        public void Release() => _released.SetResult();

        protected override async Task SerializeToStreamAsync(Stream stream, TransportContext? context)
        {
            await stream.WriteAsync(_json.AsMemory(0, 1));
            await stream.FlushAsync();
            await _released.Task.WaitAsync(Patience);
            await stream.WriteAsync(_json.AsMemory(1));
        }

        protected override bool TryComputeLength(out long length)
        {
            length = _json.Length;
            return true;
        }
    }

    /// <summary>Holds the next request while it is authorized, before its body is read, or only says that it is.</summary>
    private sealed class NextAuthorization : IAuthorizationHandler
    {
        private Held? _next;

        public Held HoldNext(bool isLetOn)
        {
            var next = new Held();
            if (isLetOn)
            {
                next.LetOn();
            }

            Volatile.Write(ref _next, next);
            return next;
        }

        public Task HandleAsync(AuthorizationHandlerContext context) => Interlocked.Exchange(ref _next, null)?.WaitAsync() ?? Task.CompletedTask;
    }

    private sealed class Held
    {
        private readonly TaskCompletionSource _reached = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private readonly TaskCompletionSource _letOn = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public Task Reached => _reached.Task.WaitAsync(Patience);

        public void LetOn() => _letOn.TrySetResult();

        public Task WaitAsync()
        {
            _reached.SetResult();
            return _letOn.Task.WaitAsync(Patience);
        }
    }
}
