namespace AuthApi.Identity;

/// <summary>The events of accounts, beside those of sessions.</summary>
internal static class AccountEvent
{
    /// <summary>The user deleted the account.</summary>
    public const string AccountDeleted = "AccountDeleted";

    /// <summary>The user gave the password and set another.</summary>
    public const string PasswordChanged = "PasswordChanged";

    /// <summary>The address was confirmed with a code that was mailed.</summary>
    public const string EmailConfirmed = "EmailConfirmed";

    /// <summary>The address was changed, with a code that was mailed to the new one.</summary>
    public const string EmailChanged = "EmailChanged";

    /// <summary>A new password was set with a code that was mailed.</summary>
    public const string PasswordReset = "PasswordReset";
}
