using AuthApi.Audit;
using AuthApi.Mail;
using AuthApi.Sessions;
using AuthApi.Storage;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata;
using Microsoft.EntityFrameworkCore.Metadata.Builders;

namespace AuthApi.Factors;

/// <summary>
/// Counts wrong codes of an authenticator app in a row. A lock ends after some minutes and its count begins again, so who knows the password could guess six digits for ever. After
/// <see cref="Max"/> no code of the app is accepted (NIST SP 800-63B, rate limiting), until another factor was right or an app is set up again.
/// </summary>
internal sealed class WrongCodes(AuthDbContext context, MailQueue mail, MailTexts texts)
{
    /// <summary>The column of a user that has the count.</summary>
    public const string Column = "WrongCodes";

    public const int Max = 100;

    /// <summary>
    /// Counts one, in the caller's transaction, unless sign-in is locked: none is accepted then. The last one is recorded, and the owner notified, with the caller's next save.
    /// </summary>
    /// <param name="user">Whose app it would be of.</param>
    /// <param name="failure">The entry of the failure.</param>
    public async Task CountAsync(ApplicationUser user, AuditEntry failure)
    {
        if (await context.Users.MayTry(user.Id, failure.At)
            .Where(stored => EF.Property<int>(stored, Column) < Max)
            .ExecuteUpdateAsync(update => update.SetProperty(stored => EF.Property<int>(stored, Column), stored => EF.Property<int>(stored, Column) + 1)) == 0
            || await context.Users.Where(stored => stored.Id == user.Id).Select(stored => EF.Property<int>(stored, Column)).SingleAsync() < Max)
        {
            return;
        }

        context.AddAuditEntry(failure with { Event = AccountEvent.AuthenticatorBlocked, Reason = null });
        var client = new ClientInfo(failure.IpAddress, failure.UserAgent);
        mail.Add(user.Email!, texts.AuthenticatorBlocked(user.Email!, Max, failure.At, client.IpAddress, client.Device), user.Id);
    }

    /// <summary>Begins again, as after a factor that is not guessed.</summary>
    public Task ResetAsync(int userId) => context.Users.Where(stored => stored.Id == userId && EF.Property<int>(stored, Column) > 0)
        .ExecuteUpdateAsync(update => update.SetProperty(stored => EF.Property<int>(stored, Column), 0));

    internal sealed class Configuration : IEntityTypeConfiguration<ApplicationUser>
    {
        // Only single statements write it: a user who was read before must not take it back when they are saved.
        public void Configure(EntityTypeBuilder<ApplicationUser> builder) =>
            builder.Property<int>(Column).HasDefaultValue(0).Metadata.SetAfterSaveBehavior(PropertySaveBehavior.Ignore);
    }
}
