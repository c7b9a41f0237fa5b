namespace AuthApi.Benchmarks.Subjects;

/// <summary>Where one run keeps its databases; deleted when the run ends.</summary>
internal sealed class DataFolder : IDisposable
{
    // Not the system's temporary folder: on many machines that is memory, where a durable commit costs nothing.
    private readonly string _path = System.IO.Path.Combine(AppContext.BaseDirectory, "data", Guid.CreateVersion7().ToString());

    public DataFolder() => Directory.CreateDirectory(_path);

    public string Path => _path;

    /// <summary>Makes a folder in it, for another set of databases.</summary>
    public string Add(string name) => Directory.CreateDirectory(System.IO.Path.Combine(_path, name)).FullName;

    public static string AuthApiDatabase(string folder) => System.IO.Path.Combine(folder, "authapi.db");

    public static string StockDatabase(string folder) => System.IO.Path.Combine(folder, "stock.db");

    public static string TicketsDatabase(string folder) => System.IO.Path.Combine(folder, "tickets.db");

    public static string BareDatabase(string folder, string name) => System.IO.Path.Combine(folder, $"{name}.db");

    /// <summary>The tokens of AuthApi's seeded sessions, one a line.</summary>
    public static string Tokens(string folder) => System.IO.Path.Combine(folder, "tokens.txt");

    public static IEnumerable<string> ReadTokens(string folder) => File.ReadLines(Tokens(folder));

    /// <summary>The cookies of another application's seeded sessions, one a line.</summary>
    public static string Cookies(string folder) => System.IO.Path.Combine(folder, "cookies.txt");

    public void Dispose() => Directory.Delete(_path, recursive: true);
}
