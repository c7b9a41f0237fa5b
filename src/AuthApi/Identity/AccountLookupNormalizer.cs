using Microsoft.AspNetCore.Identity;

namespace AuthApi.Identity;

/// <summary>Normalizes addresses and user names for their indexes. A user name that is an address is normalized as one.</summary>
internal sealed class AccountLookupNormalizer : ILookupNormalizer
{
    public string? NormalizeEmail(string? email) => email is null ? null : EmailAddress.Normalize(email);

    public string? NormalizeName(string? name) => NormalizeEmail(name);
}
