using System.Data.Common;
using System.Runtime.CompilerServices;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Storage;

namespace AuthApi.Storage;

/// <summary>
/// Statements that stay prepared as long as their connection is open: for the few that every logout runs, where translating and
/// tracking by EF Core costs several times what the database does.
/// </summary>
internal static class PreparedStatement
{
    private static readonly ConditionalWeakTable<DbConnection, Dictionary<string, DbCommand>> Commands = [];

    /// <summary>
    /// Disposes the statements of a connection that is about to be closed. It would go back to its pool, and they would hold on to a handle
    /// that is another's by then.
    /// </summary>
    public static void Forget(DbConnection connection)
    {
        if (Commands.TryGetValue(connection, out var prepared))
        {
            Commands.Remove(connection);
            foreach (var command in prepared.Values)
            {
                command.Dispose();
            }
        }
    }

    /// <summary>The statement, ready to run in the context's transaction, with <c>@p0</c>, <c>@p1</c>, … set to the values.</summary>
    public static DbCommand Prepare(this AuthDbContext context, string sql, params ReadOnlySpan<object?> values)
    {
        var connection = context.Database.GetDbConnection();
        var prepared = Commands.GetValue(connection, static _ => new(StringComparer.Ordinal));
        if (!prepared.TryGetValue(sql, out var command))
        {
            command = connection.CreateCommand();
            command.CommandText = sql;
            for (var i = 0; i < values.Length; i++)
            {
                var parameter = command.CreateParameter();
                parameter.ParameterName = $"@p{i}";
                command.Parameters.Add(parameter);
            }

            prepared.Add(sql, command);
        }

        for (var i = 0; i < values.Length; i++)
        {
            command.Parameters[i].Value = values[i] ?? DBNull.Value;
        }

        command.Transaction = context.Database.CurrentTransaction?.GetDbTransaction();
        return command;
    }
}
