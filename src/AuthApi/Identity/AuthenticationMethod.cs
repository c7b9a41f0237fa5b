namespace AuthApi.Identity;

/// <summary>How users prove who they are, in the words of RFC 8176, and <c>rc</c> for a recovery code.</summary>
internal static class AuthenticationMethod
{
    public const string ClaimType = "amr";

    public const string Password = "pwd";

    public const string AuthenticatorCode = "otp";

    public const string Passkey = "hwk";

    public const string RecoveryCode = "rc";

    /// <summary>Whether this proves something that one has: an authenticator app, a passkey, or a recovery code in their place.</summary>
    public static bool IsFactor(string method) => method is AuthenticatorCode or Passkey or RecoveryCode;

    /// <summary>The methods of a session after a reauthentication: a factor that was not given again is proven no longer.</summary>
    /// <param name="before">The methods that the session had.</param>
    /// <param name="proven">Those of the reauthentication.</param>
    public static IEnumerable<string> After(IEnumerable<string> before, params IEnumerable<string> proven) =>
        before.Where(method => !IsFactor(method)).Union(proven);
}
