using System.Data;
using System.Data.Common;
using System.Runtime.CompilerServices;
using System.Transactions;
using Microsoft.AspNetCore.Http;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Diagnostics;
using Microsoft.EntityFrameworkCore.Storage;
using Microsoft.Extensions.DependencyInjection;

namespace AuthApi.Sessions;

/// <summary>
/// Ends a user's sessions in the transaction that changes their security stamp, and makes the next request see new roles, claims and columns of
/// the user. It listens to the application's context, so it hears of every change that is saved, whichever manager, page or later feature made it;
/// not of <c>ExecuteUpdate</c>, <c>ExecuteDelete</c> and other programs, after which the caller ends or invalidates sessions through
/// <see cref="UserSessionManager"/>.
/// </summary>
/// <remarks>
/// The rows are deleted after the change and before its commit: a sign-in that began before the change finds either the row of the user locked or
/// another stamp, and starts nothing. Until the outcome of the commit is known, sessions of these users are not cached.
/// </remarks>
internal sealed class UserChangeInterceptor(IServiceProvider services) : SaveChangesInterceptor, IDbTransactionInterceptor, IDbConnectionInterceptor
{
    private const string StampReason = "security_stamp_changed";
    private const string DeletedReason = "account_deleted";

    private readonly ConditionalWeakTable<DbContext, State> _states = [];

    public override InterceptionResult<int> SavingChanges(DbContextEventData eventData, InterceptionResult<int> result)
    {
        BeginAsync(eventData.Context!, CancellationToken.None).GetAwaiter().GetResult();
        return result;
    }

    public override async ValueTask<InterceptionResult<int>> SavingChangesAsync(
        DbContextEventData eventData, InterceptionResult<int> result, CancellationToken cancellationToken = default)
    {
        await BeginAsync(eventData.Context!, cancellationToken);
        return result;
    }

    public override int SavedChanges(SaveChangesCompletedEventData eventData, int result)
    {
        EndAsync(eventData.Context!).GetAwaiter().GetResult();
        return result;
    }

    public override async ValueTask<int> SavedChangesAsync(
        SaveChangesCompletedEventData eventData, int result, CancellationToken cancellationToken = default)
    {
        await EndAsync(eventData.Context!);
        return result;
    }

    public override void SaveChangesFailed(DbContextErrorEventData eventData) => Fail(eventData.Context);

    public override Task SaveChangesFailedAsync(DbContextErrorEventData eventData, CancellationToken cancellationToken = default)
    {
        Fail(eventData.Context);
        return Task.CompletedTask;
    }

    public override void SaveChangesCanceled(DbContextEventData eventData) => Fail(eventData.Context);

    public override Task SaveChangesCanceledAsync(DbContextEventData eventData, CancellationToken cancellationToken = default)
    {
        Fail(eventData.Context);
        return Task.CompletedTask;
    }

    public DbTransaction TransactionStarted(DbConnection connection, TransactionEndEventData eventData, DbTransaction result)
    {
        BeginOwn(eventData.Context);
        DeleteAsync(eventData.Context, connection, result).GetAwaiter().GetResult();
        return result;
    }

    public async ValueTask<DbTransaction> TransactionStartedAsync(
        DbConnection connection, TransactionEndEventData eventData, DbTransaction result, CancellationToken cancellationToken = default)
    {
        BeginOwn(eventData.Context);
        await DeleteAsync(eventData.Context, connection, result);
        return result;
    }

    public DbTransaction TransactionUsed(DbConnection connection, TransactionEventData eventData, DbTransaction result)
    {
        if (eventData.Context is { } context)
        {
            _states.GetOrCreateValue(context).IsOfAnother = true;
        }

        return result;
    }

    public ValueTask<DbTransaction> TransactionUsedAsync(
        DbConnection connection, TransactionEventData eventData, DbTransaction result, CancellationToken cancellationToken = default) =>
        ValueTask.FromResult(TransactionUsed(connection, eventData, result));

    // Within the savepoint, so that a save that fails takes the ends back with it.
    public void CreatedSavepoint(DbTransaction transaction, TransactionEventData eventData) =>
        DeleteAsync(eventData.Context, transaction.Connection!, transaction).GetAwaiter().GetResult();

    public Task CreatedSavepointAsync(DbTransaction transaction, TransactionEventData eventData, CancellationToken cancellationToken = default) =>
        DeleteAsync(eventData.Context, transaction.Connection!, transaction);

    public InterceptionResult TransactionCommitting(DbTransaction transaction, TransactionEventData eventData, InterceptionResult result)
    {
        ApplyInSaveAsync(eventData.Context, transaction).GetAwaiter().GetResult();
        return result;
    }

    public async ValueTask<InterceptionResult> TransactionCommittingAsync(
        DbTransaction transaction, TransactionEventData eventData, InterceptionResult result, CancellationToken cancellationToken = default)
    {
        await ApplyInSaveAsync(eventData.Context, transaction);
        return result;
    }

    public void TransactionCommitted(DbTransaction transaction, TransactionEndEventData eventData) => Publish(eventData.Context);

    public Task TransactionCommittedAsync(DbTransaction transaction, TransactionEndEventData eventData, CancellationToken cancellationToken = default)
    {
        Publish(eventData.Context);
        return Task.CompletedTask;
    }

    // Whether a failed commit was made is not known; the row is.
    public void TransactionFailed(DbTransaction transaction, TransactionErrorEventData eventData) => Publish(eventData.Context);

    public Task TransactionFailedAsync(DbTransaction transaction, TransactionErrorEventData eventData, CancellationToken cancellationToken = default)
    {
        Publish(eventData.Context);
        return Task.CompletedTask;
    }

    public void TransactionRolledBack(DbTransaction transaction, TransactionEndEventData eventData) => Discard(eventData.Context);

    public Task TransactionRolledBackAsync(DbTransaction transaction, TransactionEndEventData eventData, CancellationToken cancellationToken = default)
    {
        Discard(eventData.Context);
        return Task.CompletedTask;
    }

    public void RolledBackToSavepoint(DbTransaction transaction, TransactionEventData eventData)
    {
        // The application's own savepoint. What ended before it is not counted either; the rows are read again.
        if (eventData.Context is { } context && _states.TryGetValue(context, out var state) && state.InSave is null)
        {
            state.Ended.Clear();
        }
    }

    public Task RolledBackToSavepointAsync(DbTransaction transaction, TransactionEventData eventData, CancellationToken cancellationToken = default)
    {
        RolledBackToSavepoint(transaction, eventData);
        return Task.CompletedTask;
    }

    public void ConnectionClosed(DbConnection connection, ConnectionEndEventData eventData)
    {
        if (Transaction.Current is null)
        {
            Close(eventData.Context);
        }
    }

    public Task ConnectionClosedAsync(DbConnection connection, ConnectionEndEventData eventData)
    {
        ConnectionClosed(connection, eventData);
        return Task.CompletedTask;
    }

    private async Task BeginAsync(DbContext context, CancellationToken cancellationToken)
    {
        // Another interceptor may have thrown after this one, which EF Core does not report.
        if (_states.TryGetValue(context, out var left) && left.InSave is not null)
        {
            Leave(context, left);
        }

        var changes = await UserChanges.ReadAsync(context, services.GetRequiredService<SessionSchema>().UserType, cancellationToken);
        if (changes.IsEmpty)
        {
            return;
        }

        var state = _states.GetOrCreateValue(context);
        state.InSave = changes;
        state.AutoTransaction = context.Database.AutoTransactionBehavior;
        context.Database.AutoTransactionBehavior = AutoTransactionBehavior.Always;
        state.EndedBefore = state.Ended.Count;
        if (context.Database.CurrentTransaction is { } own && !(own.SupportsSavepoints && context.Database.AutoSavepointsEnabled))
        {
            await DeleteAsync(context, context.Database.GetDbConnection(), own.GetDbTransaction());
        }
        else if (Transaction.Current is not null && changes.Deleted.Count > 0)
        {
            // EF Core begins no transaction of its own in a TransactionScope.
            await context.Database.OpenConnectionAsync(cancellationToken);
            try
            {
                await DeleteAsync(context, context.Database.GetDbConnection(), transaction: null);
            }
            finally
            {
                await context.Database.CloseConnectionAsync();
            }
        }
    }

    private async Task EndAsync(DbContext context)
    {
        if (!_states.TryGetValue(context, out var state) || state.InSave is not { } changes)
        {
            return;
        }

        // In the application's own transaction, before it commits that; in the save's, it was done at its commit, and is published.
        if (!state.IsApplied)
        {
            await ApplyAsync(state, changes, context.Database.GetDbConnection(), context.Database.CurrentTransaction?.GetDbTransaction());
        }

        Leave(context, state);
        if (context.Database.CurrentTransaction is not null)
        {
            PublishAtClose(context, context.Database.GetDbConnection());
            return;
        }

        if (Transaction.Current is { } ambient)
        {
            ambient.TransactionCompleted += (_, completed) =>
            {
                if (completed.Transaction!.TransactionInformation.Status == TransactionStatus.Committed)
                {
                    Publish(context);
                }
                else
                {
                    Discard(context);
                }
            };
        }
        else
        {
            Publish(context);
        }
    }

    private Task ApplyInSaveAsync(DbContext? context, DbTransaction transaction) =>
        context is not null && _states.TryGetValue(context, out var state) && state.InSave is { } changes
            ? ApplyAsync(state, changes, transaction.Connection!, transaction)
            : Task.CompletedTask;

    private async Task DeleteAsync(DbContext? context, DbConnection connection, DbTransaction? transaction)
    {
        if (context is not null && _states.TryGetValue(context, out var state) && state.InSave is { Deleted.Count: > 0 } changes)
        {
            // Before the rows go with their user.
            Suspend(state, changes);
            await EndSessionsAsync(state, changes.Deleted, DeletedReason, connection, transaction, keepsOwn: []);
        }
    }

    private async Task ApplyAsync(State state, UserChanges changes, DbConnection connection, DbTransaction? transaction)
    {
        Suspend(state, changes);
        var kept = await EndSessionsAsync(state, changes.Stamped, StampReason, connection, transaction, changes.OnlyFactors);
        var store = services.GetRequiredService<IUserSessionStore>();
        if (changes.Everybody)
        {
            await store.RaisePrincipalVersionAsync(connection, transaction, userId: null);
            state.Everybody = true;
        }
        else
        {
            // And the version of a session that goes on although the stamp changes.
            // In one order, as each locks its user's row.
            foreach (var userId in changes.Changed.Except(changes.Stamped).Union(kept).Order(StringComparer.Ordinal))
            {
                await store.RaisePrincipalVersionAsync(connection, transaction, userId);
            }
        }

        state.IsApplied = true;
    }

    // Returns the users of whom a session goes on.
    private async Task<HashSet<string>> EndSessionsAsync(
        State state, HashSet<string> userIds, string reason, DbConnection connection, DbTransaction? transaction, HashSet<string> keepsOwn)
    {
        HashSet<string> kept = [];
        if (userIds.Count == 0)
        {
            return kept;
        }

        var store = services.GetRequiredService<IUserSessionStore>();
        var now = services.GetRequiredService<TimeProvider>().GetUtcNow();
        var context = services.GetRequiredService<IHttpContextAccessor>().HttpContext;
        var client = context is null ? default : ClientInfo.Of(context);
        var current = context?.FindUserSession()?.Session;
        var keepsAsked = reason == StampReason && context?.KeepsUserSession() == true;
        foreach (var userId in userIds.Order(StringComparer.Ordinal))
        {
            // Where another user is signed in, an administrator is: their session shows who did it, and where they are is not the owner's business.
            var by = current?.UserId == userId ? current.Id : (Guid?)null;
            var cause = new SessionEnd(AuditEvent.SessionRevoked, current is null || by is not null ? client : default, current?.Id, reason);
            var except = keepsAsked || keepsOwn.Contains(userId) ? by : null;
            var ended = await store.EndAllAsync(connection, transaction, userId, cause, now, except);
            state.Ended.AddRange(ended);
            if (except is not null)
            {
                kept.Add(userId);
            }

            if (by is { } own && ended.Any(one => one.SessionId == own))
            {
                // RefreshSignInAsync may start another in its place.
                context!.Features.Set(new EndedByOwnChange(own));
            }
        }

        return kept;
    }

    private void Suspend(State state, UserChanges changes)
    {
        var cache = services.GetRequiredService<SessionCache>();
        foreach (var userId in changes.Users)
        {
            if (state.Suspended.Add(userId))
            {
                cache.Suspend(userId);
            }
        }
    }

    // EF Core says nothing of a transaction that it was given, nor of a connection that it did not open.
    private void PublishAtClose(DbContext context, DbConnection connection)
    {
        connection.StateChange += PublishOnce;

        void PublishOnce(object sender, StateChangeEventArgs change)
        {
            if (change.CurrentState == ConnectionState.Closed)
            {
                connection.StateChange -= PublishOnce;
                Close(context);
            }
        }
    }

    private static void Leave(DbContext context, State state)
    {
        (state.InSave, state.IsApplied) = (null, false);
        context.Database.AutoTransactionBehavior = state.AutoTransaction;
    }

    private void Fail(DbContext? context)
    {
        if (context is not null && _states.TryGetValue(context, out var state) && state.InSave is not null)
        {
            var before = Math.Min(state.EndedBefore, state.Ended.Count);
            state.Ended.RemoveRange(before, state.Ended.Count - before);
            Leave(context, state);
            if (context.Database.CurrentTransaction is null)
            {
                Publish(context);
            }
        }
    }

    private void BeginOwn(DbContext? context)
    {
        if (context is not null && _states.TryGetValue(context, out var state))
        {
            state.IsOfAnother = false;
        }
    }

    // A transaction of another's that the context was given ends without a word, but not after its connection. The context's own that is left without a commit
    // says nothing either, and is rolled back.
    private void Close(DbContext? context)
    {
        if (context is not null && _states.TryGetValue(context, out var state) && state.IsOfAnother)
        {
            Publish(context);
        }
        else
        {
            Discard(context);
        }
    }

    private void Discard(DbContext? context)
    {
        if (context is not null && _states.TryGetValue(context, out var state))
        {
            state.Ended.Clear();
            Publish(context);
        }
    }

    // What has ended is counted and evicted; of the others the rows are read again.
    private void Publish(DbContext? context)
    {
        if (context is null || !_states.TryGetValue(context, out var state) || (state.Suspended.Count == 0 && !state.Everybody))
        {
            return;
        }

        var cache = services.GetRequiredService<SessionCache>();
        services.GetRequiredService<UserSessionManager>().Ended(state.Ended);
        foreach (var userId in state.Suspended)
        {
            cache.Resume(userId);
        }

        if (state.Everybody)
        {
            cache.InvalidateEveryone();
        }

        state.Ended.Clear();
        state.Suspended.Clear();
        (state.Everybody, state.IsOfAnother) = (false, false);
    }

    private sealed class State
    {
        public UserChanges? InSave { get; set; }

        public bool IsApplied { get; set; }

        public AutoTransactionBehavior AutoTransaction { get; set; }

        public List<EndedSession> Ended { get; } = [];

        /// <summary>How many had ended before the save that is running.</summary>
        public int EndedBefore { get; set; }

        /// <summary>Whether the application began the transaction by itself, so that its outcome is not heard of.</summary>
        public bool IsOfAnother { get; set; }

        public HashSet<string> Suspended { get; } = [];

        public bool Everybody { get; set; }
    }
}
