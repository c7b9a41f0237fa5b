using Microsoft.Data.Sqlite;
using Microsoft.EntityFrameworkCore;
using Npgsql;

namespace AuthApi.Storage;

/// <summary>Reads the reason of a refused write from the provider's exception, so that no caller depends on the provider.</summary>
public static class StoreErrors
{
    // https://www.sqlite.org/rescode.html
    private const int PrimaryKeyViolation = 1555;
    private const int UniqueViolation = 2067;

    /// <summary>Whether a unique index or a primary key refused the write: another row already has the value.</summary>
    public static bool IsUniqueViolation(DbUpdateException exception) => exception.InnerException is
        SqliteException { SqliteExtendedErrorCode: UniqueViolation or PrimaryKeyViolation }
        or PostgresException { SqlState: PostgresErrorCodes.UniqueViolation };

    /// <summary>Whether the database cannot store or compare a text: it is too long, or has a NUL, which PostgreSQL has in no text.</summary>
    public static bool IsRefusedText(Exception? exception)
    {
        for (var cause = exception; cause is not null; cause = cause.InnerException)
        {
            if (cause is PostgresException
                {
                    SqlState: PostgresErrorCodes.StringDataRightTruncation or PostgresErrorCodes.CharacterNotInRepertoire or PostgresErrorCodes.UntranslatableCharacter
                })
            {
                return true;
            }
        }

        return false;
    }
}
