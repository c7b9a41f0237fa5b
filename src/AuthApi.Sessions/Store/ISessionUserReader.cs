using System.Data.Common;

namespace AuthApi.Sessions;

/// <summary>
/// Reads, with a session that is not cached and in the same statement, what the application's <see cref="ISessionPrincipalFactory"/> makes a principal of. It is
/// used where the application registers one; without it the factory asks the database by itself.
/// </summary>
public interface ISessionUserReader
{
    /// <summary>Expressions of SQL with commas between, in the words of the store's database. The user's row is <c>u</c>.</summary>
    string Columns { get; }

    /// <summary>Reads the columns.</summary>
    /// <param name="row">The row.</param>
    /// <param name="first">The ordinal of the first of the columns.</param>
    /// <returns>What <see cref="UserSession.User"/> is then.</returns>
    object Read(DbDataReader row, int first);
}
