namespace AuthApi.Tests.Harness;

/// <summary>The database of the program in a test.</summary>
public enum TestedStore
{
    /// <summary>An SQLite file of its own.</summary>
    Sqlite,

    /// <summary>A database of its own on the PostgreSQL server that tests share.</summary>
    PostgreSql,
}

internal static class TestedStores
{
    /// <summary>Skips the tests of a fixture where their database is PostgreSQL and that is not installed; in CI they fail.</summary>
    public static void Require(this TestedStore store)
    {
        if (store == TestedStore.PostgreSql)
        {
            PostgreSqlServer.Require();
        }
    }

    /// <summary>The arguments of a program for a database of its own; of SQLite it is a file in the folder it starts in.</summary>
    public static async Task<string[]> SettingsAsync(this TestedStore store)
    {
        if (store == TestedStore.Sqlite)
        {
            return [];
        }

        var server = await PostgreSqlServer.SharedAsync();
        return ["--Database:Provider=PostgreSql", $"--ConnectionStrings:Auth={server.ConnectionString(await server.CreateDatabaseAsync())}"];
    }
}
