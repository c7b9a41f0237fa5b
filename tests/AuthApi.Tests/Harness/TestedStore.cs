namespace AuthApi.Tests.Harness;

/// <summary>The database of the program in a test.</summary>
public enum TestedStore
{
    /// <summary>An SQLite file of its own.</summary>
    Sqlite,

    /// <summary>A database of its own on the PostgreSQL server that tests share.</summary>
    PostgreSql,
}
