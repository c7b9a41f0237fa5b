namespace AuthApi.Tests.Harness;

/// <summary>A place in the program where a test can hold one call, so that a race is run at its worst moment instead of hoping for it.</summary>
internal sealed class Gate
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private readonly TaskCompletionSource _reached = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource _opened = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource _passed = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int _isClosed;

    /// <summary>Completes when a call stands at the gate.</summary>
    public Task Reached => _reached.Task.WaitAsync(Patience);

    /// <summary>Completes when the call that was held has done what stands behind the gate.</summary>
    public Task Passed => _passed.Task.WaitAsync(Patience);

    /// <summary>Holds the next call, once.</summary>
    public void Close() => _isClosed = 1;

    public void Open() => _opened.SetResult();

    /// <summary>Runs <paramref name="action"/>, and is held before it if the gate is closed.</summary>
    public async Task<TResult> PassAsync<TResult>(Func<Task<TResult>> action)
    {
        var held = Interlocked.Exchange(ref _isClosed, 0) == 1;
        if (held)
        {
            _reached.SetResult();
            await _opened.Task.WaitAsync(Patience);
        }

        var result = await action();
        if (held)
        {
            _passed.SetResult();
        }

        return result;
    }
}
