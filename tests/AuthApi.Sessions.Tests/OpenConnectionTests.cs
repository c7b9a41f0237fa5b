using System.Security.Claims;
using Microsoft.AspNetCore.Components.Authorization;
using Microsoft.AspNetCore.Identity;
using Microsoft.AspNetCore.SignalR;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using Moq;

namespace AuthApi.Sessions.Tests;

/// <summary>Connections that stay open while their session ends: circuits of Blazor, hubs of SignalR.</summary>
internal sealed class OpenConnectionTests
{
    private readonly SemaphoreSlim _checks = new(0);
    private Mock<IUserSessionStore> _store = null!;
    private StockApplication _application = null!;
    private UserSession _session = null!;
    private ClaimsPrincipal _user = null!;
    private TaskCompletionSource _aborted = null!;
    private bool _isOutOfReach;
    private bool _isLive;

    [SetUp]
    public async Task SetUp()
    {
        _store = new Mock<IUserSessionStore>();
        _application = await StockApplication.StartAsync(new() { Services = services => services.Replace(ServiceDescriptor.Singleton(_store.Object)) });
        _session = SessionExamples.New("1", _application.Time.GetUtcNow());
        _isLive = true;
        _store.Setup(store => store.FindAsync("1", _session.Id)).ReturnsAsync(() =>
        {
            _checks.Release();
            return _isOutOfReach ? throw new StoreUnavailableException("out of reach") : _isLive ? _session : null;
        });
        _user = new ClaimsPrincipal(new ClaimsIdentity([new Claim(ClaimTypes.NameIdentifier, "1"), new Claim("sid", _session.Id.ToString())], "test"));
        _isOutOfReach = false;
        _aborted = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
    }

    [TearDown]
    public async Task TearDown()
    {
        await _application.DisposeAsync();
        while (_checks.Wait(0))
        {
        }
    }

    [OneTimeTearDown]
    public void OneTimeTearDown() => _checks.Dispose();

    [Test]
    [CancelAfter(60_000)]
    public async Task A_hub_connection_is_closed_after_the_end_of_its_session()
    {
        await ConnectAsync(_user);
        for (var i = 0; i < 3; i++)
        {
            await TickAsync();
            Assert.That(_aborted.Task.IsCompleted, Is.False, "the session is live");
        }

        _isLive = false;
        await TickAsync();

        await _aborted.Task.WaitAsync(TimeSpan.FromSeconds(10));
    }

    [Test]
    [CancelAfter(60_000)]
    public async Task A_hub_connection_stays_while_the_store_is_out_of_reach()
    {
        await ConnectAsync(_user);
        _isOutOfReach = true;
        await TickAsync();
        await TickAsync();
        Assert.That(_aborted.Task.IsCompleted, Is.False);

        (_isOutOfReach, _isLive) = (false, false);
        await TickAsync();

        await _aborted.Task.WaitAsync(TimeSpan.FromSeconds(10));
    }

    [Test]
    [CancelAfter(60_000)]
    public async Task An_expired_session_closes_its_hub_connection()
    {
        await ConnectAsync(_user);
        _application.Time.Advance(TimeSpan.FromMinutes(31));
        await _checks.WaitAsync();

        await _aborted.Task.WaitAsync(TimeSpan.FromSeconds(10));
    }

    [Test]
    public async Task A_hub_connection_without_a_session_is_left_alone()
    {
        await ConnectAsync(new ClaimsPrincipal(new ClaimsIdentity([new Claim(ClaimTypes.NameIdentifier, "1")], "Bearer")));
        await ConnectAsync(null);

        _application.Time.Advance(TimeSpan.FromMinutes(1));

        Assert.That(_checks.CurrentCount, Is.Zero);
        Assert.That(_aborted.Task.IsCompleted, Is.False);
    }

    [Test]
    [CancelAfter(60_000)]
    public async Task A_closed_hub_connection_is_not_watched()
    {
        using var closed = new CancellationTokenSource();
        await ConnectAsync(_user, closed.Token);
        await TickAsync();

        await closed.CancelAsync();
        _application.Time.Advance(TimeSpan.FromMinutes(1));

        Assert.That(_checks.CurrentCount, Is.Zero);
        Assert.That(_aborted.Task.IsCompleted, Is.False);
    }

    [Test]
    [CancelAfter(60_000)]
    public async Task A_circuit_is_signed_out_after_the_end_of_its_session()
    {
        // The framework's provider waits by the system's clock.
        using (var usual = ActivatorUtilities.CreateInstance<SessionAuthenticationStateProvider>(_application.Services))
        {
            Assert.That(usual.Interval, Is.EqualTo(TimeSpan.FromSeconds(5)));
        }

        using var provider = NewStateProvider(TimeSpan.FromMilliseconds(50));
        _isOutOfReach = true;
        var changed = new TaskCompletionSource<AuthenticationState>(TaskCreationOptions.RunContinuationsAsynchronously);
        provider.SetAuthenticationState(Task.FromResult(new AuthenticationState(_user)));
        provider.AuthenticationStateChanged += async state => changed.TrySetResult(await state);

        await _checks.WaitAsync();
        await _checks.WaitAsync();
        Assert.That(changed.Task.IsCompleted, Is.False, "the store is out of reach");
        _isOutOfReach = false;
        await _checks.WaitAsync();
        await _checks.WaitAsync();
        Assert.That(changed.Task.IsCompleted, Is.False, "the session is live");
        Assert.That((await provider.GetAuthenticationStateAsync()).User, Is.SameAs(_user));
        _isLive = false;

        var state = await changed.Task.WaitAsync(TimeSpan.FromSeconds(20));
        Assert.That(state.User.Identity!.IsAuthenticated, Is.False);
    }

    [Test]
    public async Task A_check_of_a_connection_is_no_use_of_its_session()
    {
        var sessions = _application.Services.GetRequiredService<UserSessionManager>();
        var identity = _application.Services.GetRequiredService<IOptions<IdentityOptions>>().Value;
        _application.Time.Advance(TimeSpan.FromMinutes(29));
        Assert.That(await sessions.IsLiveAsync(_user, identity), Is.True);

        _application.Time.Advance(TimeSpan.FromMinutes(1));

        Assert.That(await sessions.IsLiveAsync(_user, identity), Is.False);
        Assert.That(await sessions.IsLiveAsync(new ClaimsPrincipal(new ClaimsIdentity()), identity), Is.False);
    }

    private SessionAuthenticationStateProvider NewStateProvider(TimeSpan interval) =>
        new(NullLoggerFactory.Instance, _application.Services.GetRequiredService<UserSessionManager>(), _application.Services.GetRequiredService<IOptions<IdentityOptions>>())
        {
            Interval = interval,
        };

    private async Task ConnectAsync(ClaimsPrincipal? user, CancellationToken closed = default)
    {
        var connection = new Mock<HubCallerContext>();
        connection.Setup(context => context.User).Returns(user);
        connection.Setup(context => context.ConnectionAborted).Returns(closed);
        connection.Setup(context => context.Abort()).Callback(() => _aborted.TrySetResult());
        var filter = new SessionHubFilter(
            _application.Services.GetRequiredService<UserSessionManager>(),
            _application.Services.GetRequiredService<IOptions<IdentityOptions>>(),
            _application.Time,
            NullLogger<SessionHubFilter>.Instance);
        var isConnected = false;
        await filter.OnConnectedAsync(new HubLifetimeContext(connection.Object, _application.Services, Mock.Of<Hub>()), _ =>
        {
            isConnected = true;
            return Task.CompletedTask;
        });
        Assert.That(isConnected, Is.True);
    }

    // One interval, and the check that it makes.
    private async Task TickAsync()
    {
        _application.Time.Advance(TimeSpan.FromSeconds(5));
        await _checks.WaitAsync();
    }
}
