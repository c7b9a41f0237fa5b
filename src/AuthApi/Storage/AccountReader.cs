using System.Globalization;
using AuthApi.Sessions;

namespace AuthApi.Storage;

/// <summary>What a principal is made of.</summary>
internal sealed record StoredAccount(
    string UserName, string Email, bool EmailConfirmed, bool TwoFactorEnabled, IReadOnlyList<string> Roles, IReadOnlyList<(string Type, string Value)> Claims);

/// <summary>Reads the account of a session with its roles and claims by prepared statements on the connections of the store, without EF Core.</summary>
internal abstract class AccountReader
{
    /// <summary>Reads an account.</summary>
    /// <returns>The account; <see langword="null"/> if the session's user is gone.</returns>
    public abstract Task<StoredAccount?> FindAsync(UserSession session);

    protected static int IdOf(UserSession session) => int.Parse(session.UserId, CultureInfo.InvariantCulture);
}
