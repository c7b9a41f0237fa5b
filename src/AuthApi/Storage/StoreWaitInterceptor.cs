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
internal sealed class StoreWaitInterceptor(IServiceProvider services) : DbCommandInterceptor, IDbConnectionInterceptor
{
    // As the store's own read has it.
    private static readonly TimeSpan Recent = TimeSpan.FromMilliseconds(20);

    // Seconds. With the wait for its cancellation it stays within the budget.
    private const int MaxCommandInRequest = 1;

    // Holds no state: it reads what the host has set for the request.
    private static readonly HttpContextAccessor Accessor = new();

    // A command's limit is a number of seconds.
    private static readonly TimeSpan MinRemaining = TimeSpan.FromSeconds(0.75);

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

    public override ValueTask<InterceptionResult<DbDataReader>> ReaderExecutingAsync(
        DbCommand command, CommandEventData eventData, InterceptionResult<DbDataReader> result, CancellationToken cancellationToken = default)
    {
        Limit(command);
        return new(result);
    }

    public override ValueTask<InterceptionResult<int>> NonQueryExecutingAsync(
        DbCommand command, CommandEventData eventData, InterceptionResult<int> result, CancellationToken cancellationToken = default)
    {
        Limit(command);
        return new(result);
    }

    public override ValueTask<InterceptionResult<object>> ScalarExecutingAsync(
        DbCommand command, CommandEventData eventData, InterceptionResult<object> result, CancellationToken cancellationToken = default)
    {
        Limit(command);
        return new(result);
    }

    public override ValueTask<DbDataReader> ReaderExecutedAsync(
        DbCommand command, CommandExecutedEventData eventData, DbDataReader result, CancellationToken cancellationToken = default)
    {
        Answered(eventData.Duration);
        return new(result);
    }

    public override ValueTask<int> NonQueryExecutedAsync(
        DbCommand command, CommandExecutedEventData eventData, int result, CancellationToken cancellationToken = default)
    {
        Answered(eventData.Duration);
        return new(result);
    }

    public override ValueTask<object?> ScalarExecutedAsync(
        DbCommand command, CommandExecutedEventData eventData, object? result, CancellationToken cancellationToken = default)
    {
        Answered(eventData.Duration);
        return new(result);
    }

    public override Task CommandFailedAsync(DbCommand command, CommandErrorEventData eventData, CancellationToken cancellationToken = default)
    {
        Spend(eventData.Duration);
        return Task.CompletedTask;
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

    private static void Limit(DbCommand command)
    {
        ThrowIfSpent(StoreWaitBudget.Current);

        // A context that expects to take longer has set its own limit.
        if (Accessor.HttpContext is not null && command.CommandTimeout == PostgreSqlStorage.CommandTimeout)
        {
            command.CommandTimeout = MaxCommandInRequest;
        }
    }

    private static void ThrowIfSpent(StoreWaitBudget budget)
    {
        if (budget.Remaining < MinRemaining)
        {
            throw new StoreUnavailableException("The request has waited for the store as long as it may.");
        }
    }

    private void Answered(TimeSpan duration)
    {
        Spend(duration);
        Volatile.Write(ref _answeredAt, Stopwatch.GetTimestamp());
    }

    private static void Spend(TimeSpan duration) => StoreWaitBudget.Current.Spend(Stopwatch.GetTimestamp() - (long)(duration.TotalSeconds * Stopwatch.Frequency));
}
