using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using AuthApi.Sessions;
using AuthApi.Storage;
using Microsoft.EntityFrameworkCore;

namespace AuthApi.Codes;

/// <summary>
/// Issues and takes one-time codes (ASVS 6.5.1 to 6.5.3, 6.6.2, 6.6.3). A code is stored as a hash, is good for <see cref="Lifetime"/>, for one user, one
/// purpose and one security stamp, works once, and is void after <see cref="MaxTries"/> wrong ones.
/// </summary>
internal sealed class OneTimeCodes(AuthDbContext context, IHttpContextAccessor http, TimeProvider time)
{
    public const int MaxTries = 5;

    /// <summary>The event of a code that was given and is none.</summary>
    public const string Refused = "CodeRefused";

    public static readonly TimeSpan Lifetime = TimeSpan.FromMinutes(60);

    /// <summary>
    /// For how long no other code is issued, however often one is asked for: so nobody can void the owner's code all the time, nor fill their mailbox. One for other data is,
    /// once, as a new address may have been mistyped.
    /// </summary>
    public static readonly TimeSpan Quiet = TimeSpan.FromMinutes(5);

    /// <summary>
    /// Makes a code in the place of the last one. Call it in the transaction of what it is for: it is stored with what the context saves next.
    /// </summary>
    /// <param name="user">The user, as read after their row was locked: the code is good with this security stamp.</param>
    /// <param name="purpose">What the code is for.</param>
    /// <param name="data">What it is made for.</param>
    /// <returns>The code, to be mailed; <see langword="null"/> if the last one was made just now.</returns>
    public async Task<string?> IssueAsync(ApplicationUser user, string purpose, string? data = null)
    {
        await context.Users.LockAsync(user.Id);
        var now = time.GetUtcNow();
        var quiet = now - Quiet;
        var last = await Of(user, purpose).AsNoTracking().SingleOrDefaultAsync(code => code.CreatedAt > quiet && code.CreatedAt <= now);
        if (last is not null && (last.Data == data || last.ExpiresAt > last.CreatedAt + Lifetime))
        {
            return null;
        }

        await Of(user, purpose).ExecuteDeleteAsync();
        var text = CodeText.Create();
        context.Add(new OneTimeCode
        {
            UserId = user.Id,
            Purpose = purpose,
            Hash = Hash(user, purpose, text, data)!,
            Data = data,
            CreatedAt = last?.CreatedAt ?? now,
            ExpiresAt = now + Lifetime,
        });
        return text;
    }

    /// <summary>Whether the last code was made for this.</summary>
    public Task<bool> IsForAsync(ApplicationUser user, string purpose, string? data) => Of(user, purpose).AnyAsync(code => code.Data == data);

    /// <summary>
    /// Whether this is the code, which stays good. A wrong one is counted before it is known to be wrong, so that guesses at once are each counted, and is recorded. The statements
    /// are the same, and something is written, whether or not there are such a user and code: so the time does not show it.
    /// </summary>
    /// <param name="user">The user; any that is not in the store takes as long.</param>
    /// <param name="purpose">What the code must be for.</param>
    /// <param name="text">What was given as the code.</param>
    /// <param name="data">What the code must have been made for.</param>
    public async Task<bool> CheckAsync(ApplicationUser user, string purpose, string text, string? data = null)
    {
        var now = time.GetUtcNow();
        var hash = Hash(user, purpose, text, data) ?? [];
        await using var transaction = await context.Database.BeginTransactionAsync();
        var isGood = await Of(user, purpose).Where(code => code.ExpiresAt > now && code.Tries < MaxTries)
            .ExecuteUpdateAsync(update => update.SetProperty(code => code.Tries, code => code.Tries + 1)) == 1;

        // A parameter, as EF Core would make another statement of a condition that is never met.
        var maxTries = isGood ? MaxTries : -1;
        if (await Of(user, purpose).Where(code => code.Tries <= maxTries && code.Hash == hash)
            .ExecuteUpdateAsync(update => update.SetProperty(code => code.Tries, code => code.Tries - 1)) == 1)
        {
            return true; // without a commit: there is nothing to count, and no disk to wait for
        }

        AddRefused(user, JsonNamingPolicy.SnakeCaseLower.ConvertName(purpose));
        await context.SaveChangesAsync();
        await transaction.CommitAsync();
        return false;
    }

    /// <summary>
    /// Counts a code as wrong that came with something else that was, and records that, in the caller's transaction and with the caller's next save: so the other thing can be
    /// guessed as often as the code.
    /// </summary>
    /// <param name="user">The user.</param>
    /// <param name="purpose">What the code is for.</param>
    /// <param name="reason">The reason in the event.</param>
    public async Task RefuseAsync(ApplicationUser user, string purpose, string reason)
    {
        await Of(user, purpose).ExecuteUpdateAsync(update => update.SetProperty(code => code.Tries, code => code.Tries + 1));
        AddRefused(user, reason);
    }

    /// <summary>Uses the code up, in the caller's transaction. Of several uses at once one succeeds.</summary>
    /// <returns>Whether it was the code, and still good.</returns>
    public async Task<bool> UseAsync(ApplicationUser user, string purpose, string text, string? data = null)
    {
        var now = time.GetUtcNow();
        var hash = Hash(user, purpose, text, data) ?? [];
        await context.Users.LockAsync(user.Id);
        return await Of(user, purpose).Where(code => code.ExpiresAt > now && code.Tries < MaxTries && code.Hash == hash).ExecuteDeleteAsync() == 1;
    }

    /// <summary>Deletes the code of a user for a purpose, in the caller's transaction.</summary>
    public Task DeleteAsync(ApplicationUser user, string purpose) => Of(user, purpose).ExecuteDeleteAsync();

    /// <summary>Deletes all codes of a user, as those that a new security stamp has voided.</summary>
    public Task DeleteAllAsync(ApplicationUser user) => context.Set<OneTimeCode>().Where(code => code.UserId == user.Id).ExecuteDeleteAsync();

    private void AddRefused(ApplicationUser user, string reason)
    {
        var client = ClientInfo.Of(http.HttpContext!);
        context.AddAuditEntry(new AuditEntry
        {
            At = time.GetUtcNow(),
            Event = Refused,
            UserId = user.Id == 0 ? null : user.Id.ToString(CultureInfo.InvariantCulture),
            SessionId = http.HttpContext!.FindUserSession()?.Session.Id,
            Reason = reason,
            IpAddress = client.IpAddress,
            UserAgent = client.UserAgent,
        });
    }

    private IQueryable<OneTimeCode> Of(ApplicationUser user, string purpose) =>
        context.Set<OneTimeCode>().Where(code => code.UserId == user.Id && code.Purpose == purpose);

    // With 60 random bits a plain hash is enough: to try them all takes longer than the code lives. With the stamp in it, a change of that voids the code.
    private static byte[]? Hash(ApplicationUser user, string purpose, string text, string? data) => CodeText.Normalize(text) is { } code
        ? SHA256.HashData(Encoding.UTF8.GetBytes(string.Create(
            CultureInfo.InvariantCulture, $"{purpose}\n{user.Id}\n{user.SecurityStamp}\n{data}\n{code}")))
        : null;
}
