namespace AuthApi.Accounts;

/// <summary>The document's words for answers that all calls with a password have in common.</summary>
internal static class PasswordAnswers
{
    public const string UnavailableWithFactor =
        "`server_busy`: too many passwords are waiting to be hashed. `store_unavailable`: the store is out of reach. `authenticator_unavailable`: the server cannot read the keys of authenticator apps. Try again after `Retry-After` seconds.";

    public const string Unavailable =
        "`server_busy`: too many passwords are waiting to be hashed. `store_unavailable`: the store is out of reach. Try again after `Retry-After` seconds.";
}
