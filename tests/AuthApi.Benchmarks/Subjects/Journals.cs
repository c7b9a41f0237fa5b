using Microsoft.Data.Sqlite;

namespace AuthApi.Benchmarks.Subjects;

/// <summary>What AuthApi has left of its logouts for later, as its database file says.</summary>
internal static class Journals
{
    public static bool AreEmpty(string database)
    {
        using var connection = new SqliteConnection($"Data Source={database};Mode=ReadOnly;Pooling=False");
        connection.Open();
        using var command = new SqliteCommand("SELECT NOT EXISTS (SELECT 1 FROM EndedSessions) AND NOT EXISTS (SELECT 1 FROM AuditJournal)", connection);
        return (long)command.ExecuteScalar()! == 1;
    }
}
