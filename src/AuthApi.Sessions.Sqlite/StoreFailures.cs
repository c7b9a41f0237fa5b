using Microsoft.Data.Sqlite;

namespace AuthApi.Sessions.Sqlite;

/// <summary>Tells a store that is out of reach from one that refused a row (a constraint) or was sent a wrong statement.</summary>
internal static class StoreFailures
{
    /// <summary>Whether <paramref name="exception"/>, or what caused it, says that the store is out of reach.</summary>
    public static bool IsOutOfReach(Exception? exception)
    {
        for (var cause = exception; cause is not null; cause = cause.InnerException)
        {
            if (cause is StoreUnavailableException
                || (cause is SqliteException sqlite && IsOutOfReach(sqlite.SqliteErrorCode)))
            {
                return true;
            }
        }

        return false;
    }

    // https://www.sqlite.org/rescode.html
    private static bool IsOutOfReach(int sqliteErrorCode) => sqliteErrorCode is
        5 // BUSY: another process holds the lock
        or 6 // LOCKED
        or 7 // NOMEM
        or 8 // READONLY: the disk was remounted, or permissions changed
        or 10 // IOERR
        or 11 // CORRUPT
        or 13 // FULL: no space left
        or 14 // CANTOPEN: the file is gone
        or 15 // PROTOCOL: the WAL's lock could not be had
        or 26; // NOTADB
}
