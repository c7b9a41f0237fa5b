using System.Data.Common;
using AuthApi.Sessions;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;

namespace AuthApi.Tests.Harness;

/// <summary>The product's own store, with gates before and after what it does.</summary>
internal sealed class GatedStore : IUserSessionStore
{
    private IUserSessionStore _store = null!;
    private int _endsLeft = int.MaxValue;

    /// <summary>A session has been read, and is not yet in the cache.</summary>
    public Gate AfterFind { get; } = new();

    /// <summary>A session is about to be ended.</summary>
    public Gate BeforeEnd { get; } = new();

    /// <summary>A session has been ended durably, and the cache does not know it yet.</summary>
    public Gate AfterEnd { get; } = new();

    /// <summary>A batch of expired sessions has been deleted durably, and the cache does not know it yet.</summary>
    public Gate AfterCleanup { get; } = new();

    /// <summary>A session is about to be started.</summary>
    public Gate BeforeStart { get; } = new();

    /// <summary>A token is about to be renewed.</summary>
    public Gate BeforeRenew { get; } = new();

    /// <summary>Last uses are about to be written.</summary>
    public Gate BeforeLastSeen { get; } = new();

    /// <summary>Lets some more ends of one session succeed, and no other.</summary>
    public int EndsLeft
    {
        set => _endsLeft = value;
    }

    /// <summary>Puts this in the place of the product's store, and the product's behind this.</summary>
    public void Wrap(IServiceCollection services)
    {
        var product = services.Last(service => service.ServiceType == typeof(IUserSessionStore)).ImplementationType!;
        services.Replace(ServiceDescriptor.Singleton<IUserSessionStore>(provider =>
        {
            _store = (IUserSessionStore)ActivatorUtilities.CreateInstance(provider, product);
            return this;
        }));
    }

    public bool IsShared => _store.IsShared;

    public Task<int?> ConfirmAsync(TokenHash tokenHash) => _store.ConfirmAsync(tokenHash);

    public async Task<UserSession?> FindAsync(TokenHash tokenHash)
    {
        var found = await _store.FindAsync(tokenHash);
        return await AfterFind.PassAsync(() => Task.FromResult(found));
    }

    public Task<UserSession?> FindAsync(string userId, Guid sessionId) => _store.FindAsync(userId, sessionId);

    public async Task<EndedSession?> EndAsync(string userId, Guid sessionId, SessionEnd cause, DateTimeOffset at, bool onlyExpired = false)
    {
        if (Interlocked.Decrement(ref _endsLeft) < 0)
        {
            throw new StoreUnavailableException("No end is left.");
        }

        var ended = await BeforeEnd.PassAsync(() => _store.EndAsync(userId, sessionId, cause, at, onlyExpired));
        return await AfterEnd.PassAsync(() => Task.FromResult(ended));
    }

    public Task<bool> RenewAsync(UserSession session, TokenHash tokenHash, DateTimeOffset authenticatedAt, AuditEntry entry) =>
        BeforeRenew.PassAsync(() => _store.RenewAsync(session, tokenHash, authenticatedAt, entry));

    public Task WriteLastSeenAsync(IReadOnlyList<LastSeen> lastSeen) => BeforeLastSeen.PassAsync(async () =>
    {
        await _store.WriteLastSeenAsync(lastSeen);
        return true;
    });

    public Task<IReadOnlyList<UserSession>> ListAsync(string userId) => _store.ListAsync(userId);

    public Task<IReadOnlyList<EndedSession>?> StartAsync(UserSession session, SessionStart start) =>
        BeforeStart.PassAsync(() => _store.StartAsync(session, start));

    public Task<IReadOnlyList<EndedSession>> EndAllAsync(string userId, SessionEnd cause, DateTimeOffset at, Guid? except) =>
        _store.EndAllAsync(userId, cause, at, except);

    public Task<IReadOnlyList<EndedSession>> EndAllAsync(
        DbConnection connection, DbTransaction? transaction, string userId, SessionEnd cause, DateTimeOffset at, Guid? except) =>
        _store.EndAllAsync(connection, transaction, userId, cause, at, except);

    public Task RaisePrincipalVersionAsync(DbConnection connection, DbTransaction? transaction, string? userId) =>
        _store.RaisePrincipalVersionAsync(connection, transaction, userId);

    public Task RaisePrincipalVersionAsync(string? userId) => _store.RaisePrincipalVersionAsync(userId);

    public async IAsyncEnumerable<IReadOnlyList<EndedSession>> DeleteExpiredAsync(DateTimeOffset now, int batch)
    {
        await foreach (var expired in _store.DeleteExpiredAsync(now, batch))
        {
            yield return await AfterCleanup.PassAsync(() => Task.FromResult(expired));
        }
    }

    public Task<int> CountLiveAsync(DateTimeOffset now) => _store.CountLiveAsync(now);

    public Task<IReadOnlyList<AuditEntry>> ListEventsAsync(string userId, long before, int limit) => _store.ListEventsAsync(userId, before, limit);

    public Task<bool> WasStartedAsync(string userId, Guid sessionId) => _store.WasStartedAsync(userId, sessionId);

    public Task<DateTimeOffset?> LastEventAtAsync() => _store.LastEventAtAsync();

    public Task<int> DeleteEventsAsync(DateTimeOffset before, int limit) => _store.DeleteEventsAsync(before, limit);

    public Task ProbeAsync() => _store.ProbeAsync();

    public bool IsOutOfReach(Exception? exception) => _store.IsOutOfReach(exception);
}
