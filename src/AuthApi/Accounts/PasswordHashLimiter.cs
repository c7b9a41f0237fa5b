using System.Security.Cryptography;
using AuthApi.Api;

namespace AuthApi.Accounts;

/// <summary>
/// Lets as many passwords be hashed at once as there are cores but one. A hash takes a tenth of a second of one of them, so a flood of
/// logins would otherwise leave none to answer those who are signed in.
/// </summary>
internal sealed class PasswordHashLimiter(TimeProvider time, int width, int longestQueue) : IDisposable
{
    /// <summary>Long enough for a crowd that signs in at nine o'clock, short enough that a client still waits.</summary>
    public static readonly TimeSpan MaxWait = TimeSpan.FromSeconds(2);

    /// <summary>
    /// The shortest time after which one is refused. Each waits for another time between the two: of a flood, those who came together would
    /// be refused together and come back together, each with a whole request, and whoever is signed in would wait for all of them.
    /// </summary>
    public static readonly TimeSpan MinWait = TimeSpan.FromSeconds(1);

    // More than get their turn in time, on purpose. Whoever is refused at once comes back at once, and the refusals then cost more than
    // the hashes did; whoever waits is quiet for as long. This bounds what the waiting hold in memory, and nothing else.
    private const int MaxQueue = 1_000;

    private readonly SemaphoreSlim _free = new(width);
    private int _waiting;

    public PasswordHashLimiter(TimeProvider time)
        : this(time, Width, MaxQueue)
    {
    }

    /// <summary>How many are hashed at once. A core is left to those who are signed in, where there is one to leave.</summary>
    public static int Width => Math.Max(1, Environment.ProcessorCount - 1);

    /// <summary>How many are being hashed now.</summary>
    public int Active => width - _free.CurrentCount;

    /// <summary>How many wait for their turn now.</summary>
    public int Waiting => Volatile.Read(ref _waiting);

    /// <summary>Runs <paramref name="hash"/> when it is its turn.</summary>
    /// <exception cref="ServerBusyException">Its turn did not come soon, or too many are waiting for theirs.</exception>
    public async Task<TResult> RunAsync<TResult>(Func<Task<TResult>> hash)
    {
        await WaitAsync();
        try
        {
            return await hash();
        }
        finally
        {
            _free.Release();
        }
    }

    public void Dispose() => _free.Dispose();

    private async Task WaitAsync()
    {
        if (_free.Wait(0))
        {
            return;
        }

        using var limit = new CancellationTokenSource(AnyWait(), time);
        try
        {
            if (Interlocked.Increment(ref _waiting) > longestQueue)
            {
                throw Busy();
            }

            // Under a flood this is what most come to, and an exception costs much: one, not two.
            var turn = _free.WaitAsync(limit.Token);
            await turn.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            if (turn.IsCanceled)
            {
                throw Busy();
            }
        }
        finally
        {
            Interlocked.Decrement(ref _waiting);
        }
    }

    private static TimeSpan AnyWait() => TimeSpan.FromMilliseconds(
        RandomNumberGenerator.GetInt32((int)MinWait.TotalMilliseconds, (int)MaxWait.TotalMilliseconds + 1));

    private static ServerBusyException Busy() => new("Too many passwords are waiting to be hashed.");
}
