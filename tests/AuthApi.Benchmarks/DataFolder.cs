namespace AuthApi.Benchmarks;

/// <summary>Where one run keeps its databases; gone when the run ends.</summary>
internal sealed class DataFolder : IDisposable
{
    // Not the system's temporary folder: on many machines that is memory, where a durable commit costs nothing.
    private readonly string _path = System.IO.Path.Combine(AppContext.BaseDirectory, "data", Guid.CreateVersion7().ToString());

    public DataFolder() => Directory.CreateDirectory(_path);

    public string Path => _path;

    public static string AuthApiDatabase(string folder) => System.IO.Path.Combine(folder, "authapi.db");

    public static string StockDatabase(string folder) => System.IO.Path.Combine(folder, "stock.db");

    /// <summary>The seeded sessions' tokens, one a line.</summary>
    public static string Tokens(string folder) => System.IO.Path.Combine(folder, "tokens.txt");

    public void Dispose() => Directory.Delete(_path, recursive: true);
}
