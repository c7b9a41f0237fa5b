namespace AuthApi.Codes;

/// <summary>What one-time codes are for. A code for one is none for another.</summary>
internal static class CodePurpose
{
    public const string PasswordReset = "PasswordReset";

    public const string EmailConfirmation = "EmailConfirmation";

    public const string EmailChange = "EmailChange";
}
