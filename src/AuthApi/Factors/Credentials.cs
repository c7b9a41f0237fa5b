using System.Globalization;
using AuthApi.Storage;
using Microsoft.EntityFrameworkCore;

namespace AuthApi.Factors;

/// <summary>Lists what can log in to an account beside its password, in words for its owner.</summary>
internal sealed class Credentials(AuthDbContext context, RecoveryCodes recoveryCodes)
{
    public async Task<IReadOnlyList<string>> ListAsync(ApplicationUser user)
    {
        var passkeys = await context.UserPasskeys.AsNoTracking().Where(passkey => passkey.UserId == user.Id).ToListAsync();
        List<string> words = [.. passkeys.OrderBy(passkey => passkey.Data.CreatedAt)
            .Select(passkey => string.Create(CultureInfo.InvariantCulture, $"the passkey \"{passkey.Data.Name}\" of {passkey.Data.CreatedAt.UtcDateTime:yyyy-MM-dd}"))];
        if (user.TwoFactorEnabled)
        {
            words.Add("an authenticator app, beside the password");
        }

        if (await recoveryCodes.CountAsync(user) is > 0 and var left)
        {
            words.Add(string.Create(CultureInfo.InvariantCulture, $"{left} recovery codes, beside the password or a mailed code"));
        }

        return words;
    }
}
