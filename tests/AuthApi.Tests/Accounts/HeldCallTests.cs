using System.Net;
using System.Text;
using System.Text.Json;
using AuthApi.Tests.Harness;
using Microsoft.AspNetCore.Authorization;
using Microsoft.Extensions.DependencyInjection;

namespace AuthApi.Tests.Accounts;

/// <summary>
/// Calls that are authenticated when their headers come, and whose body comes after their session has ended. A thief can hold one so: it must not give back what the owner has
/// just taken away.
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

        using var passkeys = await owner.GetAsync("/passkeys/");
        Assert.That((await passkeys.JsonAsync())["items"]!.AsArray(), Is.Empty);
        using var me = await owner.GetAsync("/me/");
        Assert.That((string?)(await me.JsonAsync())["userName"], Is.EqualTo("ada@example.com"));
        await owner.LogInAsync(); // without a code, and with the password as it was

        async Task HoldAsync(HttpMethod method, string path, Func<Task<object>> prepare)
        {
            await thief.LogInAsync();
            using var body = new HeldContent(await prepare());
            var reached = authorized.WaitAsync();
            var call = thief.SendAsync(method, path, body);
            await reached.WaitAsync(Patience);

            using var ended = await owner.PostAsync("/logout/?scope=others");
            Assert.That((int?)(await ended.JsonAsync())["endedSessions"], Is.EqualTo(1));
            body.Release();

            using var response = await call.WaitAsync(Patience);
            await response.ShouldBeProblemAsync(HttpStatusCode.Unauthorized, "not_authenticated");
        }
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

    /// <summary>Says when the next request is authorized, before its body is read.</summary>
    private sealed class NextAuthorization : IAuthorizationHandler
    {
        private TaskCompletionSource? _next;

        public Task WaitAsync()
        {
            var next = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            Volatile.Write(ref _next, next);
            return next.Task;
        }

        public Task HandleAsync(AuthorizationHandlerContext context)
        {
            Interlocked.Exchange(ref _next, null)?.TrySetResult();
            return Task.CompletedTask;
        }
    }
}
