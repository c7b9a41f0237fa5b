using AuthApi.Http;

namespace AuthApi.Accounts;

/// <summary>
/// Lets as many passwords be hashed at once as there are cores. A hash takes a tenth of a second of one of them, so a flood of logins
/// would otherwise leave none to answer those who are signed in.
/// </summary>
internal sealed class PasswordHashGate : IDisposable
{
    // Long enough for a crowd that signs in at nine o'clock, short enough that a client still waits.
    private static readonly TimeSpan LongestWait = TimeSpan.FromSeconds(2);

    private readonly SemaphoreSlim _free = new(Environment.ProcessorCount);

    /// <summary>Runs <paramref name="hash"/> when it is its turn.</summary>
    /// <exception cref="ServerBusyException">Its turn did not come soon.</exception>
    public async Task<TResult> RunAsync<TResult>(Func<Task<TResult>> hash)
    {
        if (!await _free.WaitAsync(LongestWait))
        {
            throw new ServerBusyException("Too many passwords are waiting to be hashed.");
        }

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
}
