using System.Globalization;
using AuthApi.Mail;
using AuthApi.Sessions;
using AuthApi.Storage;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Options;

namespace AuthApi.Identity;

/// <summary>
/// Notifies the owner of an account of a sign-in from a device and network from which it was not signed in to before (ASVS 6.3.5).
/// </summary>
internal sealed class KnownDevices(AuthDbContext context, IUserSessionStore store, MailQueue mail, MailTexts texts, IOptions<AccountOptions> options)
{
    /// <summary>How many devices an account has at most. A new one takes the place of the one that was not used for the longest time.</summary>
    internal const int MaxPerUser = 50;

    // Of the activity, which knows sign-ins from before there was a table of devices.
    private const int MaxEvents = 500;

    private static readonly TimeSpan Precision = TimeSpan.FromDays(1);

    /// <summary>
    /// Notes the device of a sign-in, and queues a message if it is a new one. Call it after the session was started and before its token is sent: the session of a sign-in
    /// whose message could not be queued is of use to nobody.
    /// </summary>
    public async Task NoteAsync(ApplicationUser user, UserSession session)
    {
        if (!options.Value.NotifyNewDevices)
        {
            return;
        }

        var client = new ClientInfo(session.IpAddress, session.UserAgent);
        var known = KnownDevice.Of(user.Id, client, session.CreatedAt);
        var lastUsedAt = await Same(known).Select(stored => (DateTimeOffset?)stored.LastUsedAt).SingleOrDefaultAsync();
        if (lastUsedAt is null)
        {
            await AddAsync(user, session, known, client);
        }
        else if (session.CreatedAt - lastUsedAt >= Precision)
        {
            await Same(known).ExecuteUpdateAsync(update => update.SetProperty(stored => stored.LastUsedAt, known.LastUsedAt));
        }
    }

    private async Task AddAsync(ApplicationUser user, UserSession session, KnownDevice known, ClientInfo client)
    {
        var past = await ListPastAsync(session);
        await using var transaction = await context.Database.BeginTransactionAsync();

        // Of sign-ins at once with one device, one is the first.
        var isThere = await context.Users.LockAsync(user.Id) == 1;
        var all = await Of(user.Id).OrderByDescending(stored => stored.LastUsedAt).AsNoTracking().ToListAsync();
        if (!isThere || all.Any(known.IsSame))
        {
            return;
        }

        if (all.Count == 0)
        {
            context.AddRange(past.Where(device => !device.IsSame(known)).Take(MaxPerUser - 1));
        }

        foreach (var unused in all.Skip(MaxPerUser - 1))
        {
            await Same(unused).ExecuteDeleteAsync();
        }

        context.Add(known);
        if (all.Count > 0 || (past.Count > 0 && !past.Any(known.IsSame)))
        {
            mail.Add(user.Email!, texts.NewDevice(user.Email!, session.CreatedAt, client.IpAddress, client.Device), user.Id);
        }

        await context.SaveChangesAsync();
        await transaction.CommitAsync();
    }

    /// <summary>
    /// The devices that the activity has, the last used first. They count for an account that has no device yet, as after an update from a version that kept none. A sign-in
    /// of the last minute does not: the one who asks may have begun it at the same time.
    /// </summary>
    private async Task<List<KnownDevice>> ListPastAsync(UserSession session) => [.. (await store.ListEventsAsync(session.UserId, long.MaxValue, MaxEvents))
        .Where(entry => entry.Event == AuditEvent.SignedIn && entry.At < session.CreatedAt - TimeSpan.FromMinutes(1))
        .Select(entry => KnownDevice.Of(int.Parse(session.UserId, CultureInfo.InvariantCulture), new ClientInfo(entry.IpAddress, entry.UserAgent), entry.At))
        .DistinctBy(device => (device.Device, device.Network))];

    private IQueryable<KnownDevice> Of(int userId) => context.Set<KnownDevice>().Where(device => device.UserId == userId);

    private IQueryable<KnownDevice> Same(KnownDevice known) => Of(known.UserId).Where(device => device.Device == known.Device && device.Network == known.Network);
}
