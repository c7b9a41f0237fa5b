using AuthApi.Mail;
using AuthApi.Sessions;
using AuthApi.Storage;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata;
using Microsoft.EntityFrameworkCore.Metadata.Builders;

namespace AuthApi.Factors;

/// <summary>
/// Notifies the owner of an account of a sign-in with the right password and a second factor that is wrong (ASVS 6.3.5): somebody may know the password. Once in
/// <see cref="Interval"/>, however often it is tried.
/// </summary>
internal sealed class WrongFactorNotice(AuthDbContext context, MailQueue mail, MailTexts texts)
{
    /// <summary>The column of a user that has the time of the last message.</summary>
    public const string Column = "WrongFactorNotifiedAt";

    public static readonly TimeSpan Interval = TimeSpan.FromHours(1);

    /// <summary>Queues the message, in the caller's transaction and with the caller's next save. One statement decides whether it is time for one, on every node.</summary>
    /// <param name="user">The owner.</param>
    /// <param name="at">When it was tried.</param>
    /// <param name="client">Who tried it.</param>
    public async Task AddAsync(ApplicationUser user, DateTimeOffset at, ClientInfo client)
    {
        // One in the future is of a clock that was ahead.
        var due = at - Interval;
        if (mail.IsConfigured && await context.Users
            .Where(stored => stored.Id == user.Id)
            .Where(stored => EF.Property<DateTimeOffset?>(stored, Column) == null || EF.Property<DateTimeOffset?>(stored, Column) <= due || EF.Property<DateTimeOffset?>(stored, Column) > at)
            .ExecuteUpdateAsync(update => update.SetProperty(stored => EF.Property<DateTimeOffset?>(stored, Column), at)) == 1)
        {
            mail.Add(user.Email!, texts.WrongFactor(user.Email!, at, client.IpAddress, client.Device), user.Id);
        }
    }

    internal sealed class Configuration : IEntityTypeConfiguration<ApplicationUser>
    {
        // Only that statement writes it: a user who was read before must not take it back when they are saved.
        public void Configure(EntityTypeBuilder<ApplicationUser> builder) =>
            builder.Property<DateTimeOffset?>(Column).Metadata.SetAfterSaveBehavior(PropertySaveBehavior.Ignore);
    }
}
