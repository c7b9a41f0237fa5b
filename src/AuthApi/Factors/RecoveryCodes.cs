using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using AuthApi.Audit;
using AuthApi.Codes;
using AuthApi.Mail;
using AuthApi.Sessions;
using AuthApi.Storage;
using Microsoft.EntityFrameworkCore;

namespace AuthApi.Factors;

/// <summary>
/// Recovery codes, which stand in for a factor that is lost. Each has 120 random bits and is stored as a plain hash, which is enough from 112 bits on
/// (ASVS 6.5.2). Identity keeps them in clear.
/// </summary>
internal sealed class RecoveryCodes(AuthDbContext context, WrongCodes wrongCodes, MailQueue mail, MailTexts texts, TimeProvider time, IHttpContextAccessor http)
{
    private const int Count = 10;
    private const int Groups = 6;

    /// <summary>Makes ten codes in the place of all earlier ones, in the caller's transaction and with the caller's next save.</summary>
    /// <returns>The codes, to be returned to the client and kept nowhere.</returns>
    public async Task<string[]> CreateAsync(ApplicationUser user)
    {
        await DeleteAsync(user);
        string[] codes = [.. Enumerable.Range(0, Count).Select(_ => CodeText.Create(Groups))];
        context.AddRange(codes.Select(code => new RecoveryCode { UserId = user.Id, Hash = Hash(user, code)! }));
        return codes;
    }

    /// <summary>Deletes all codes, in the caller's transaction.</summary>
    public Task DeleteAsync(ApplicationUser user) => Of(user).ExecuteDeleteAsync();

    public Task<int> CountAsync(ApplicationUser user) => Of(user).CountAsync();

    /// <summary>
    /// Uses a code up, in a transaction of its own that also records it and notifies the owner. Of several uses at once one succeeds, and none while sign-in is
    /// locked. It also resets the count of failures.
    /// </summary>
    /// <returns>Whether it was a code of the user that was not used.</returns>
    public async Task<bool> UseAsync(ApplicationUser user, string text)
    {
        await using var transaction = await context.Database.BeginTransactionAsync();
        if (await context.Users.MayTry(user.Id, time.GetUtcNow()).ExecuteUpdateAsync(update => update.SetProperty(stored => stored.AccessFailedCount, 0)) == 0
            || !await TakeAsync(user, text))
        {
            return false;
        }

        await context.SaveChangesAsync();
        await transaction.CommitAsync();
        return true;
    }

    /// <summary>
    /// Uses a code up, in the caller's transaction, and records it and notifies the owner with the caller's next save. Codes of the app are accepted again, where there were too many
    /// wrong ones.
    /// </summary>
    /// <returns>Whether it was a code of the user that was not used.</returns>
    public async Task<bool> TakeAsync(ApplicationUser user, string text)
    {
        var hash = Hash(user, text) ?? [];
        if (await Of(user).Where(code => code.Hash == hash).ExecuteDeleteAsync() == 0)
        {
            return false;
        }

        await wrongCodes.ResetAsync(user.Id);
        context.AddAccountEvent(http.HttpContext!, time, user.Id, AccountEvent.RecoveryCodeUsed);
        mail.Add(user.Email!, texts.RecoveryCodeUsed(user.Email!, await CountAsync(user), time.GetUtcNow(), ClientInfo.Of(http.HttpContext!).IpAddress), user.Id);
        return true;
    }

    private IQueryable<RecoveryCode> Of(ApplicationUser user) => context.Set<RecoveryCode>().Where(code => code.UserId == user.Id);

    private static byte[]? Hash(ApplicationUser user, string text) => CodeText.Normalize(text, Groups) is { } code
        ? SHA256.HashData(Encoding.UTF8.GetBytes(string.Create(CultureInfo.InvariantCulture, $"recovery\n{user.Id}\n{code}")))
        : null;
}
