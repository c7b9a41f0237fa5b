namespace AuthApi.Storage;

/// <summary>What a principal is made of: what the store reads with the session.</summary>
internal sealed record StoredAccount(
    string UserName, string Email, bool EmailConfirmed, bool TwoFactorEnabled, IReadOnlyList<string> Roles, IReadOnlyList<(string Type, string Value)> Claims);
