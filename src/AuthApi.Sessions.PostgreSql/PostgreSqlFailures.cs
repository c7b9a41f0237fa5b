using System.Data.Common;
using System.Net.Sockets;
using Npgsql;

namespace AuthApi.Sessions.PostgreSql;

/// <summary>Tells a store that is out of reach from one that refused a row (a constraint) or was sent a wrong statement.</summary>
internal static class PostgreSqlFailures
{
    /// <summary>Whether <paramref name="exception"/>, or what caused it, says that the store is out of reach.</summary>
    public static bool IsOutOfReach(Exception? exception)
    {
        for (var cause = exception; cause is not null; cause = cause.InnerException)
        {
            switch (cause)
            {
                case StoreUnavailableException or SocketException:
                    return true;
                case PostgresException refused:
                    return IsOutOfReach(refused.SqlState);

                // Npgsql measures the time to open a connection by the wall clock, which was set back by weeks meanwhile.
                case ArgumentOutOfRangeException { StackTrace: { } trace } when trace.Contains("at Npgsql.NpgsqlConnection.", StringComparison.Ordinal):
                    return true;

                // The connection broke, timed out, or was not had from the pool in time.
                case NpgsqlException:
                case DbException { IsTransient: true }:
                    return true;
            }
        }

        return false;
    }

    /// <summary>Whether the server rolled a statement back because of another one at the same time, so that it may be repeated.</summary>
    public static bool IsConflict(Exception exception) =>
        exception is PostgresException { SqlState: PostgresErrorCodes.DeadlockDetected or PostgresErrorCodes.SerializationFailure };

    /// <summary>Whether the connection was found broken, or was ended by the server: not that the server did not answer in time.</summary>
    public static bool IsBroken(Exception exception) =>
        exception is PostgresException refused ? refused.SqlState.StartsWith("57P", StringComparison.Ordinal) : exception is NpgsqlException { InnerException: not TimeoutException };

    // https://www.postgresql.org/docs/current/errcodes-appendix.html
    private static bool IsOutOfReach(string sqlState) =>
        sqlState.StartsWith("08", StringComparison.Ordinal) // connection
        || sqlState.StartsWith("28", StringComparison.Ordinal) // the login is refused
        || sqlState.StartsWith("3D", StringComparison.Ordinal) // no such database
        || sqlState.StartsWith("53", StringComparison.Ordinal) // disk, memory or connections used up
        || sqlState.StartsWith("57", StringComparison.Ordinal) // shutdown, start, cancelled
        || sqlState.StartsWith("58", StringComparison.Ordinal) // input or output
        || sqlState.StartsWith("XX", StringComparison.Ordinal) // a damaged page
        || sqlState is PostgresErrorCodes.ReadOnlySqlTransaction // a standby
            or PostgresErrorCodes.ObjectNotInPrerequisiteState // a database that takes no connections
            or PostgresErrorCodes.LockNotAvailable
            or PostgresErrorCodes.DeadlockDetected
            or PostgresErrorCodes.SerializationFailure;
}
