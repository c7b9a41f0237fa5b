using System.Diagnostics;
using Microsoft.AspNetCore.Http;

namespace AuthApi.Sessions;

/// <summary>How long one request may wait for the store, in all: its waits within ten seconds do not add up to more before it is answered 503.</summary>
public sealed class StoreWaitBudget
{
    private static readonly TimeSpan Max = TimeSpan.FromSeconds(2.5);

    // Holds no state: it reads what the host has set for the request.
    private static readonly HttpContextAccessor Accessor = new();

    // A request that lasts longer, as a WebSocket or an import, has as much again: nobody waits for its answer from the beginning.
    private static readonly TimeSpan Window = TimeSpan.FromSeconds(10);

    private readonly long _began = Stopwatch.GetTimestamp();
    private long _spentTicks;

    private StoreWaitBudget()
    {
    }

    /// <summary>The budget of the request that is being served; outside a request, a new one.</summary>
    public static StoreWaitBudget Current
    {
        get
        {
            if (Accessor.HttpContext is not { } context)
            {
                return new StoreWaitBudget();
            }

            if (context.Features.Get<StoreWaitBudget>() is not { } budget || Stopwatch.GetElapsedTime(budget._began) > Window)
            {
                context.Features.Set(budget = new StoreWaitBudget());
            }

            return budget;
        }
    }

    /// <summary>What is left, zero or more.</summary>
    public TimeSpan Remaining => TimeSpan.FromTicks(Math.Max(0, Max.Ticks - Interlocked.Read(ref _spentTicks)));

    /// <summary>Waits for a read as long as the request may wait for the store in all.</summary>
    /// <param name="read">The read.</param>
    /// <exception cref="StoreUnavailableException">It took longer.</exception>
    public static Task<TResult> WaitAsync<TResult>(Task<TResult> read)
    {
        ArgumentNullException.ThrowIfNull(read);
        return read.IsCompleted ? read : WaitForCommitAsync(read);
    }

    /// <summary>
    /// Waits for a write until it is committed, as long as the request may wait for the store in all. The write goes on: it may yet be committed.
    /// </summary>
    /// <param name="write">The write.</param>
    /// <exception cref="StoreUnavailableException">It took longer.</exception>
    public static async Task<TResult> WaitForCommitAsync<TResult>(Task<TResult> write)
    {
        ArgumentNullException.ThrowIfNull(write);
        var (budget, began) = (Current, Stopwatch.GetTimestamp());
        try
        {
            return await write.WaitAsync(budget.Remaining);
        }
        catch (TimeoutException exception)
        {
            throw new StoreUnavailableException("The store did not answer in time.", exception);
        }
        finally
        {
            budget.Spend(began);
        }
    }

    /// <summary>Takes the time since <paramref name="began"/>, a timestamp of <see cref="Stopwatch"/>, off the budget.</summary>
    /// <param name="began">When the wait began.</param>
    public void Spend(long began) => Interlocked.Add(ref _spentTicks, Stopwatch.GetElapsedTime(began).Ticks);
}
