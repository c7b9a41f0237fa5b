using System.Data.Common;
using System.Diagnostics;
using AuthApi.Sessions;
using AuthApi.Sessions.PostgreSql;
using Microsoft.EntityFrameworkCore.Diagnostics;
using Npgsql;

namespace AuthApi.Storage;

/// <summary>
/// Counts what a request waits for PostgreSQL through a context into its <see cref="StoreWaitBudget"/>, and begins nothing that would exceed it: each wait has
/// a limit of its own, and several of them add up. No connection is opened at a server that does not answer. On SQLite the store's own interceptor does.
/// </summary>
internal sealed class StoreWaitInterceptor(IServiceProvider services) : DbCommandInterceptor, IDbConnectionInterceptor, IDbTransactionInterceptor
{
    // As the store's own read has it.
    private static readonly TimeSpan Recent = TimeSpan.FromMilliseconds(20);

    // With a second for its cancellation it stays within three, and leaves some of it for the rest of the call.
    private static readonly TimeSpan MaxStatement = TimeSpan.FromSeconds(1.25);

    // Holds no state: it reads what the host has set for the request.
    private static readonly HttpContextAccessor Accessor = new();

    private static readonly TimeSpan MinRemaining = TimeSpan.FromSeconds(0.5);

    // Found at the first connection: the store's connections are made from what the context is configured with.
    private readonly Lazy<PostgreSqlConnections> _store = new(services.GetRequiredService<PostgreSqlConnections>);
    private long _answeredAt;

    public async ValueTask<InterceptionResult> ConnectionOpeningAsync(
        DbConnection connection, ConnectionEventData eventData, InterceptionResult result, CancellationToken cancellationToken = default)
    {
        var budget = StoreWaitBudget.Current;
        ThrowIfSpent(budget);
        using var limit = new CancellationTokenSource(budget.Remaining);
        var began = Stopwatch.GetTimestamp();
        try
        {
            if (Stopwatch.GetElapsedTime(Volatile.Read(ref _answeredAt)) > Recent)
            {
                await _store.Value.EnsureAnsweringAsync().WaitAsync(limit.Token);
            }

            await OpenAsync(connection, limit.Token);
        }
        catch (OperationCanceledException exception)
        {
            throw new StoreUnavailableException("The store did not answer in time.", exception);
        }
        finally
        {
            budget.Spend(began);
        }

        return InterceptionResult.Suppress();
    }

    public override async ValueTask<InterceptionResult<DbDataReader>> ReaderExecutingAsync(
        DbCommand command, CommandEventData eventData, InterceptionResult<DbDataReader> result, CancellationToken cancellationToken = default) =>
        TakesLimit(command) ? InterceptionResult<DbDataReader>.SuppressWithResult(await RunWithTimeoutAsync(command.ExecuteReaderAsync, cancellationToken)) : result;

    public override async ValueTask<InterceptionResult<int>> NonQueryExecutingAsync(
        DbCommand command, CommandEventData eventData, InterceptionResult<int> result, CancellationToken cancellationToken = default) =>
        TakesLimit(command) ? InterceptionResult<int>.SuppressWithResult(await RunWithTimeoutAsync(command.ExecuteNonQueryAsync, cancellationToken)) : result;

    public override async ValueTask<InterceptionResult<object>> ScalarExecutingAsync(
        DbCommand command, CommandEventData eventData, InterceptionResult<object> result, CancellationToken cancellationToken = default) =>
        TakesLimit(command) ? InterceptionResult<object>.SuppressWithResult((await RunWithTimeoutAsync(command.ExecuteScalarAsync, cancellationToken))!) : result;

    public async ValueTask<InterceptionResult> TransactionCommittingAsync(
        DbTransaction transaction, TransactionEventData eventData, InterceptionResult result, CancellationToken cancellationToken = default)
    {
        if (Accessor.HttpContext is null)
        {
            return result;
        }

        await RunWithTimeoutAsync(CommitAsync, cancellationToken);
        return InterceptionResult.Suppress();

        async Task<bool> CommitAsync(CancellationToken limit)
        {
            await transaction.CommitAsync(limit);
            return true;
        }
    }

    // The limit of a connection is short, as the cancellation of a statement takes as long. A server that answers, and is slow to begin a connection, has it twice.
    private async Task OpenAsync(DbConnection connection, CancellationToken cancellationToken)
    {
        try
        {
            await connection.OpenAsync(cancellationToken);
            return;
        }
        catch (NpgsqlException exception) when (exception.InnerException is TimeoutException)
        {
            await _store.Value.EnsureAnsweringAsync().WaitAsync(cancellationToken);
        }

        await connection.OpenAsync(cancellationToken);
    }

    // Takes the limit of a command of a request upon this class; the command's own is longer then. A context that expects to take longer has set another one.
    private static bool TakesLimit(DbCommand command)
    {
        if (Accessor.HttpContext is null || command.CommandTimeout != PostgreSqlStorage.CommandTimeout)
        {
            return false;
        }

        command.CommandTimeout *= 2;
        return true;
    }

    // A command's own limit would block a thread of the pool while Npgsql asks the server to cancel it.
    private async Task<TResult> RunWithTimeoutAsync<TResult>(Func<CancellationToken, Task<TResult>> execute, CancellationToken cancellationToken)
    {
        var (budget, began) = (StoreWaitBudget.Current, Stopwatch.GetTimestamp());
        ThrowIfSpent(budget);
        using var cancellation = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var statement = execute(cancellation.Token);
        try
        {
            await statement.WaitAsync(budget.Remaining < MaxStatement ? budget.Remaining : MaxStatement, CancellationToken.None);
        }
        catch (TimeoutException)
        {
            await Task.Factory.StartNew(cancellation.Cancel, CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
        }
        finally
        {
            budget.Spend(began);
        }

        try
        {
            var result = await statement;
            Volatile.Write(ref _answeredAt, Stopwatch.GetTimestamp());
            return result;
        }
        catch (OperationCanceledException exception) when (!cancellationToken.IsCancellationRequested)
        {
            throw new StoreUnavailableException("The store did not answer in time.", exception);
        }
    }

    private static void ThrowIfSpent(StoreWaitBudget budget)
    {
        if (budget.Remaining < MinRemaining)
        {
            throw new StoreUnavailableException("The request has waited for the store as long as it may.");
        }
    }
}
