namespace AuthApi.Storage;

/// <summary>The roles that the program knows.</summary>
internal static class AccountRoles
{
    /// <summary>Sees everybody, and may end and change everything.</summary>
    public const string Admin = "Admin";
}
