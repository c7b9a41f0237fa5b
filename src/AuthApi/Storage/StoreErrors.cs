using Microsoft.Data.Sqlite;
using Microsoft.EntityFrameworkCore;

namespace AuthApi.Storage;

/// <summary>Reads the reason of a refused write from the provider's exception, so that no caller depends on the provider.</summary>
public static class StoreErrors
{
    // https://www.sqlite.org/rescode.html
    private const int PrimaryKeyViolation = 1555;
    private const int UniqueViolation = 2067;

    /// <summary>Whether a unique index or a primary key refused the write: another row already has the value.</summary>
    public static bool IsUniqueViolation(DbUpdateException exception) =>
        exception.InnerException is SqliteException { SqliteExtendedErrorCode: UniqueViolation or PrimaryKeyViolation };
}
