namespace AuthApi.Tests.Harness;

/// <summary>A folder that goes with its test.</summary>
internal sealed class TemporaryFolder : IDisposable
{
    public string Path { get; } = Directory.CreateTempSubdirectory("authapi-").FullName;

    public void Dispose()
    {
        // Pooled connections hold the files of a database open until they are told to go.
        Microsoft.Data.Sqlite.SqliteConnection.ClearAllPools();
        Directory.Delete(Path, recursive: true);
    }
}
