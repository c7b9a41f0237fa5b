using System.Data;
using System.Data.Common;
using System.Diagnostics;
using Microsoft.Data.Sqlite;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Diagnostics;

namespace AuthApi.Sessions.Sqlite;

/// <summary>
/// Makes a transaction of a database context, such as Identity's <c>SaveChanges</c>, and a statement without one, such as <c>ExecuteUpdate</c>, wait for its
/// <see cref="WriteSlot"/> beside the writer, within the request's <see cref="StoreWaitBudget"/>; and refuses a commit to files that were removed or replaced.
/// </summary>
internal sealed class WriteSlotInterceptor(WriteSlot slot, OpenStoreFiles files)
    : DbTransactionInterceptor, IDbConnectionInterceptor, IDbCommandInterceptor, ISaveChangesInterceptor
{
    // What another process's lock may take after the slot was entered: Microsoft.Data.Sqlite waits in whole seconds.
    private static readonly TimeSpan Reserve = TimeSpan.FromSeconds(1);

    private DbConnection? _holder;

    public override async ValueTask<InterceptionResult<DbTransaction>> TransactionStartingAsync(
        DbConnection connection, TransactionStartingEventData eventData, InterceptionResult<DbTransaction> result, CancellationToken cancellationToken = default)
    {
        await EnterAsync(connection, cancellationToken);
        return result;
    }

    public override InterceptionResult<DbTransaction> TransactionStarting(
        DbConnection connection, TransactionStartingEventData eventData, InterceptionResult<DbTransaction> result)
    {
        EnterAsync(connection, CancellationToken.None).GetAwaiter().GetResult();
        return result;
    }

    public override void TransactionCommitted(DbTransaction transaction, TransactionEndEventData eventData)
    {
        // Only the holder has a transaction.
        Exit(_holder);
        files.EnsureInPlace();
    }

    public override Task TransactionCommittedAsync(DbTransaction transaction, TransactionEndEventData eventData, CancellationToken cancellationToken = default)
    {
        TransactionCommitted(transaction, eventData);
        return Task.CompletedTask;
    }

    public override void TransactionRolledBack(DbTransaction transaction, TransactionEndEventData eventData) => Exit(_holder);

    public override Task TransactionRolledBackAsync(DbTransaction transaction, TransactionEndEventData eventData, CancellationToken cancellationToken = default)
    {
        Exit(_holder);
        return Task.CompletedTask;
    }

    public async ValueTask<InterceptionResult<int>> NonQueryExecutingAsync(
        DbCommand command, CommandEventData eventData, InterceptionResult<int> result, CancellationToken cancellationToken = default)
    {
        if (command.Transaction is null)
        {
            await EnterAsync(command.Connection!, cancellationToken);
        }

        return result;
    }

    public InterceptionResult<int> NonQueryExecuting(DbCommand command, CommandEventData eventData, InterceptionResult<int> result)
    {
        if (command.Transaction is null)
        {
            EnterAsync(command.Connection!, CancellationToken.None).GetAwaiter().GetResult();
        }

        return result;
    }

    public int NonQueryExecuted(DbCommand command, CommandExecutedEventData eventData, int result)
    {
        if (command.Transaction is null)
        {
            Exit(command.Connection);
            files.EnsureInPlace();
        }

        return result;
    }

    public ValueTask<int> NonQueryExecutedAsync(
        DbCommand command, CommandExecutedEventData eventData, int result, CancellationToken cancellationToken = default) =>
        ValueTask.FromResult(NonQueryExecuted(command, eventData, result));

    public void CommandFailed(DbCommand command, CommandErrorEventData eventData) => ExitWithoutTransaction(command);

    public Task CommandFailedAsync(DbCommand command, CommandErrorEventData eventData, CancellationToken cancellationToken = default)
    {
        ExitWithoutTransaction(command);
        return Task.CompletedTask;
    }

    public void CommandCanceled(DbCommand command, CommandEndEventData eventData) => ExitWithoutTransaction(command);

    public Task CommandCanceledAsync(DbCommand command, CommandEndEventData eventData, CancellationToken cancellationToken = default)
    {
        ExitWithoutTransaction(command);
        return Task.CompletedTask;
    }

    // EF Core leaves the transaction of a save that was refused without a word, on a connection that may stay open.
    public void SaveChangesFailed(DbContextErrorEventData eventData)
    {
        SqliteConnectionPreparation.DiscardIfOutOfReach(eventData.Context?.Database.GetDbConnection(), eventData.Exception);
        if (eventData.Context?.Database is { CurrentTransaction: null } database)
        {
            Exit(database.GetDbConnection());
        }
    }

    public Task SaveChangesFailedAsync(DbContextErrorEventData eventData, CancellationToken cancellationToken = default)
    {
        SaveChangesFailed(eventData);
        return Task.CompletedTask;
    }

    // A transaction that failed, or was left without a commit, ends with its connection.
    public void ConnectionClosed(DbConnection connection, ConnectionEndEventData eventData) => Exit(connection);

    public Task ConnectionClosedAsync(DbConnection connection, ConnectionEndEventData eventData)
    {
        Exit(connection);
        return Task.CompletedTask;
    }

    private async Task EnterAsync(DbConnection connection, CancellationToken cancellationToken)
    {
        // Its last transaction was left without a word, on a connection that stayed open.
        if (_holder == connection)
        {
            return;
        }

        var budget = StoreWaitBudget.Current;
        var remaining = budget.Remaining;
        var began = Stopwatch.GetTimestamp();
        if (!await slot.TryEnterAsync(remaining > Reserve ? remaining - Reserve : TimeSpan.Zero, cancellationToken))
        {
            throw new StoreUnavailableException("The store did not answer in time.");
        }

        _holder = connection;

        // EF Core says nothing of a connection that it closes after a transaction was cancelled before it began.
        connection.StateChange += ExitWhenClosed;
        budget.Spend(began);
        try
        {
            files.EnsureInPlace();
            if (!files.IsCurrent(connection))
            {
                throw new StoreUnavailableException("The write-ahead log was replaced after the connection was opened.");
            }

            var wait = Math.Min(budget.Remaining.TotalMilliseconds, SqliteConnectionPreparation.BusyTimeoutSeconds * 1000);
            SQLitePCL.raw.sqlite3_busy_timeout(((SqliteConnection)connection).Handle!, (int)wait);
        }
        catch
        {
            Exit(connection);
            throw;
        }
    }

    private void ExitWithoutTransaction(DbCommand command)
    {
        if (command.Transaction is null)
        {
            Exit(command.Connection);
        }
    }

    private void Exit(DbConnection? connection)
    {
        if (connection is not null && Interlocked.CompareExchange(ref _holder, null, connection) == connection)
        {
            connection.StateChange -= ExitWhenClosed;
            slot.Exit();
        }
    }

    private void ExitWhenClosed(object sender, StateChangeEventArgs change)
    {
        if (change.CurrentState == ConnectionState.Closed)
        {
            Exit((DbConnection)sender);
        }
    }
}
