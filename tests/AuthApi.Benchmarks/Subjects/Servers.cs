namespace AuthApi.Benchmarks.Subjects;

/// <summary>The servers that AuthApi is compared with, each of which is the whole of its process.</summary>
internal static class Servers
{
    public static Task<int> RunStockAsync(string folder, string[] arguments) =>
        RunAsync(StockApplication.RunAsync, DataFolder.StockDatabase(folder), folder, arguments);

    public static Task<int> RunTicketsAsync(string folder, string[] arguments) =>
        RunAsync(TicketsApplication.RunAsync, DataFolder.TicketsDatabase(folder), folder, arguments);

    public static async Task<int> RunBareAsync(BareLog log, string folder, string url)
    {
        EndWithParent();
        await BareApplication.RunAsync(log, folder, new Uri(url));
        return 0;
    }

    public static async Task<int> RunPerRequestAsync(string connectionString, string url)
    {
        EndWithParent();
        await PerRequestApplication.RunAsync(connectionString, new Uri(url));
        return 0;
    }

    public static int RunDelay(int port, int target, double oneWay)
    {
        EndWithParent();
        DelayingProxy.Run(port, target, TimeSpan.FromMicroseconds(oneWay));
        return 0;
    }

    private static async Task<int> RunAsync(Func<string[], string, Task> application, string database, string folder, string[] arguments)
    {
        EndWithParent();
        await application([.. ServerArguments.For(database), "--applicationName", "AuthApi.Benchmarks", .. arguments], folder);
        return 0;
    }

    // The parent never writes to this process; its end of the pipe closes when it is done, or killed.
    private static void EndWithParent() => new Thread(static () =>
    {
        Console.In.ReadToEnd();
        Environment.Exit(0);
    })
    { IsBackground = true }.Start();
}
