using AuthApi.Audit;
using AuthApi.Sessions;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;

namespace AuthApi.Tests.Harness;

/// <summary>
/// The real store, with a place where a test can hold a call: after a session has been read, or before it is ended. So a race is
/// run at its worst moment instead of hoping for it.
/// </summary>
internal sealed class InterruptedStore : IUserSessionStore
{
    private readonly TaskCompletionSource _paused = NewSignal();
    private readonly TaskCompletionSource _resumed = NewSignal();
    private readonly TaskCompletionSource _aborted = NewSignal();
    private readonly TaskCompletionSource _ended = NewSignal();
    private IUserSessionStore _store = null!;
    private IHttpContextAccessor _contexts = null!;
    private int _pauseFind;
    private int _pauseEnd;

    /// <summary>Completes when a call is being held.</summary>
    public Task Paused => _paused.Task.WaitAsync(TimeSpan.FromSeconds(30));

    /// <summary>Completes when the client of the held call has hung up.</summary>
    public Task Aborted => _aborted.Task.WaitAsync(TimeSpan.FromSeconds(30));

    /// <summary>Completes when a held end has been made.</summary>
    public Task Ended => _ended.Task.WaitAsync(TimeSpan.FromSeconds(30));

    /// <summary>Puts this in the place of the product's store, and the product's behind this.</summary>
    public void Wrap(IServiceCollection services)
    {
        var product = services.Last(service => service.ServiceType == typeof(IUserSessionStore)).ImplementationType!;
        services.Replace(ServiceDescriptor.Singleton<IUserSessionStore>(provider =>
        {
            _store = (IUserSessionStore)ActivatorUtilities.CreateInstance(provider, product);
            _contexts = provider.GetRequiredService<IHttpContextAccessor>();
            return this;
        }));
    }

    public void PauseNextFind() => _pauseFind = 1;

    public void PauseNextEnd() => _pauseEnd = 1;

    public void Resume() => _resumed.SetResult();

    public async Task<UserSession?> FindAsync(TokenHash tokenHash)
    {
        var session = await _store.FindAsync(tokenHash);
        if (Interlocked.Exchange(ref _pauseFind, 0) == 1)
        {
            await PauseAsync();
        }

        return session;
    }

    public async Task<bool> EndAsync(Guid sessionId, AuditEntry entry)
    {
        if (Interlocked.Exchange(ref _pauseEnd, 0) == 1)
        {
            await PauseAsync();
        }

        var ended = await _store.EndAsync(sessionId, entry);
        _ended.TrySetResult();
        return ended;
    }

    public Task StartAsync(UserSession session, UserSession? replaces, AuditEntry started, AuditEntry? replaced) =>
        _store.StartAsync(session, replaces, started, replaced);

    public Task WriteLastSeenAsync(IReadOnlyList<LastSeen> lastSeen) => _store.WriteLastSeenAsync(lastSeen);

    public Task<IReadOnlyList<TokenHash>> DeleteExpiredAsync(DateTimeOffset now, int limit) => _store.DeleteExpiredAsync(now, limit);

    private static TaskCompletionSource NewSignal() => new(TaskCreationOptions.RunContinuationsAsynchronously);

    private async Task PauseAsync()
    {
        using var registration = _contexts.HttpContext?.RequestAborted.Register(() => _aborted.TrySetResult());
        _paused.SetResult();
        await _resumed.Task;
    }
}
