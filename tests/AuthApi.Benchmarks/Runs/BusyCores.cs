namespace AuthApi.Benchmarks.Runs;

/// <summary>Keeps every core of the machine busy until it is disposed.</summary>
internal sealed class BusyCores : IDisposable
{
    private readonly List<Thread> _threads;
    private volatile bool _stop;

    public BusyCores()
    {
        _threads = [.. Enumerable.Range(0, Environment.ProcessorCount).Select(_ => new Thread(Work) { IsBackground = true })];
        _threads.ForEach(thread => thread.Start());
    }

    public void Dispose()
    {
        _stop = true;
        _threads.ForEach(thread => thread.Join());
    }

    private void Work()
    {
        while (!_stop)
        {
            Thread.SpinWait(1_000);
        }
    }
}
