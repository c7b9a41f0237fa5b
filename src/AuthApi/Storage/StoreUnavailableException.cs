using System.Data.Common;
using Microsoft.Data.Sqlite;

namespace AuthApi.Storage;

/// <summary>The store could not be reached or did not answer in time: nothing is known of the outcome, and the client may try again.</summary>
public sealed class StoreUnavailableException : Exception
{
    public StoreUnavailableException(string message) : base(message)
    {
    }

    public StoreUnavailableException(string message, Exception innerException) : base(message, innerException)
    {
    }

    /// <summary>
    /// Whether <paramref name="exception"/>, or what caused it, says that the store is out of reach, as opposed to
    /// having refused a row (a constraint) or having been asked nonsense (our mistake).
    /// </summary>
    public static bool IsCauseOf(Exception? exception)
    {
        for (var cause = exception; cause is not null; cause = cause.InnerException)
        {
            if (cause is StoreUnavailableException
                || (cause is SqliteException sqlite && IsOutOfReach(sqlite.SqliteErrorCode))
                || cause is DbException { IsTransient: true })
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
