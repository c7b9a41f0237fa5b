using AuthApi.Sessions;
using AuthApi.Storage;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Options;
using MimeKit;

namespace AuthApi.Mail;

/// <summary>
/// Sends the queued messages, one after the other. A message is claimed in the queue before it is handed on, and deleted when it was taken. A process that ends
/// in between leaves it claimed, and after <see cref="Lease"/> it is sent again under the same <c>Message-ID</c>.
/// </summary>
internal sealed partial class MailSender(
    IDbContextFactory<AuthDbContext> contexts,
    MailDelivery delivery,
    AddedRows<MailMessage> added,
    MailMetrics metrics,
    IOptions<EmailOptions> email,
    IOptions<SmtpOptions> smtp,
    IHostApplicationLifetime lifetime,
    TimeProvider time,
    ILogger<MailSender> logger) : BackgroundService
{
    /// <summary>How long a message stays claimed. More than an attempt can take.</summary>
    internal static readonly TimeSpan Lease = TimeSpan.FromMinutes(5);

    private const int Batch = 50;

    // Messages of another process, and those whose next attempt is due.
    private static readonly TimeSpan MaxWait = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan MinBackOff = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan MaxBackOff = TimeSpan.FromMinutes(30);

    private static readonly TimeSpan BetweenCounts = TimeSpan.FromSeconds(10);

    private readonly LogThrottle _notSent = new(time);
    private readonly LogThrottle _refusedForNow = new(time);
    private DateTimeOffset _countedAt;
    private DateTimeOffset _pausedUntil;
    private int _failures;

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        // After the lines of the start.
        await StartedAsync(stoppingToken);
        if (delivery.Transport is not { } transport)
        {
            Log.NoMail(logger);
            return;
        }

        while (!stoppingToken.IsCancellationRequested)
        {
            var wait = MaxWait;
            try
            {
                wait = await SendDueAsync(transport, stoppingToken);
            }
            catch (Exception exception) when (!stoppingToken.IsCancellationRequested)
            {
                wait = MinBackOff;
                if (_notSent.IsDue())
                {
                    Log.QueueNotRead(logger, exception.Message);
                }
            }

            await added.WaitAsync(wait, stoppingToken);
        }
    }

    private async Task StartedAsync(CancellationToken stoppingToken)
    {
        var started = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var registration = lifetime.ApplicationStarted.UnsafeRegister(_ => started.TrySetResult(), null);
        await started.Task.WaitAsync(stoppingToken);
    }

    /// <summary>Sends what is due, and returns how long to wait for more.</summary>
    private async Task<TimeSpan> SendDueAsync(IMailTransport transport, CancellationToken stoppingToken)
    {
        await using var context = await contexts.CreateDbContextAsync(stoppingToken);
        await CountAsync(context, stoppingToken);
        if (time.GetUtcNow() < _pausedUntil)
        {
            return Until(_pausedUntil);
        }

        var sent = false;
        try
        {
            while (true)
            {
                await CountAsync(context, stoppingToken);
                var now = time.GetUtcNow();
                var due = await context.Set<MailMessage>().AsNoTracking()
                    .Where(message => message.NextAttemptAt <= now).OrderBy(message => message.NextAttemptAt).Take(Batch).ToListAsync(stoppingToken);
                if (due.Count == 0)
                {
                    break;
                }

                foreach (var message in due)
                {
                    stoppingToken.ThrowIfCancellationRequested();
                    if (!await SendAsync(context, transport, message))
                    {
                        return Until(_pausedUntil);
                    }

                    sent = true;
                }
            }

            var next = await context.Set<MailMessage>().MinAsync(message => (DateTimeOffset?)message.NextAttemptAt, stoppingToken);
            return next is null ? MaxWait : Until(next.Value);
        }
        finally
        {
            if (sent)
            {
                await transport.CloseAsync();
            }
        }
    }

    private async Task CountAsync(AuthDbContext context, CancellationToken stoppingToken)
    {
        if (!metrics.IsQueueWatched || time.GetUtcNow() - _countedAt < BetweenCounts)
        {
            return;
        }

        _countedAt = time.GetUtcNow();
        var messages = context.Set<MailMessage>();
        metrics.Counted(await messages.CountAsync(stoppingToken), await messages.MinAsync(message => (DateTimeOffset?)message.CreatedAt, stoppingToken));
    }

    // Returns whether the next one may be tried.
    private async Task<bool> SendAsync(AuthDbContext context, IMailTransport transport, MailMessage message)
    {
        var now = time.GetUtcNow();
        if (message.ExpiresAt <= now)
        {
            await DeleteAsync(context, message);
            metrics.Tried("expired");
            Log.Expired(logger, message.Id, message.Attempts);
            return true;
        }

        if (!await MoveAsync(context, message, message.NextAttemptAt, now + Lease, message.Attempts + 1))
        {
            return true; // another process has claimed it, or its account is gone
        }

        try
        {
            // It ends with the message and not with the server: a half-sent one would be sent twice.
            using var limit = new CancellationTokenSource(smtp.Value.Timeout, time);
            using var composed = Compose(message);
            await transport.SendAsync(composed, limit.Token);
        }
        catch (Exception exception) when (exception is MailRefusedException or ParseException)
        {
            await DeleteAsync(context, message);
            metrics.Tried("refused");
            Log.Refused(logger, message.Id, message.UserId, exception is MailRefusedException ? exception.Message : "the address is none");
            return true;
        }
        catch (MailRefusedForNowException exception)
        {
            // Anybody can have messages sent to an address that its server refuses: the others do not wait for it.
            _failures = 0;
            metrics.Tried("deferred");
            var next = time.GetUtcNow() + BackOff(message.Attempts);
            await MoveAsync(context, message, now + Lease, next, message.Attempts + 1);
            if (_refusedForNow.IsDue())
            {
                Log.RefusedForNow(logger, message.Id, message.UserId, next, exception.Message);
            }

            return true;
        }
        catch (Exception exception)
        {
            // That is the server or the way to it: all others would fail too.
            metrics.Tried("unreachable");
            _pausedUntil = now + BackOff(_failures++);
            await MoveAsync(context, message, now + Lease, time.GetUtcNow() + BackOff(message.Attempts), message.Attempts + 1);
            if (_notSent.IsDue())
            {
                Log.NotSent(logger, transport.Target, _pausedUntil, $"{exception.GetType().Name}: {exception.Message}");
            }

            return false;
        }

        _failures = 0;
        metrics.Tried("sent");
        await DeleteAsync(context, message);
        return true;
    }

    private MimeMessage Compose(MailMessage message)
    {
        var sender = email.Value.Sender;
        var composed = new MimeMessage
        {
            Subject = OneLine(message.Subject),
            Date = message.CreatedAt,
            MessageId = $"{message.Id:N}@{sender.Domain}",
            Body = new MultipartAlternative(
                new TextPart("plain") { Text = message.Text },
                new TextPart("html") { Text = message.Html }),
        };
        composed.From.Add(sender);
        composed.To.Add(new MailboxAddress(null, message.To));

        // No vacation notes come back (RFC 3834).
        composed.Headers.Add(HeaderId.AutoSubmitted, "auto-generated");
        return composed;
    }

    private static string OneLine(string text) => string.Concat(text.Select(character => char.IsControl(character) ? ' ' : character));

    private static TimeSpan BackOff(int failures) =>
        failures > 10 ? MaxBackOff : TimeSpan.FromTicks(Math.Min(MaxBackOff.Ticks, MinBackOff.Ticks << failures));

    private TimeSpan Until(DateTimeOffset at)
    {
        var wait = at - time.GetUtcNow();
        return wait < TimeSpan.Zero ? TimeSpan.Zero : wait > MaxWait ? MaxWait : wait;
    }

    // Only if nobody else has moved it.
    private static async Task<bool> MoveAsync(AuthDbContext context, MailMessage message, DateTimeOffset from, DateTimeOffset to, int attempts) =>
        await context.Set<MailMessage>().Where(stored => stored.Id == message.Id && stored.NextAttemptAt == from).ExecuteUpdateAsync(update => update
            .SetProperty(stored => stored.NextAttemptAt, to)
            .SetProperty(stored => stored.Attempts, attempts)) == 1;

    private static async Task DeleteAsync(AuthDbContext context, MailMessage message) =>
        await context.Set<MailMessage>().Where(stored => stored.Id == message.Id).ExecuteDeleteAsync();

    private static partial class Log
    {
        [LoggerMessage(1, LogLevel.Warning, "No mail is sent: neither Email:Smtp:Host nor Email:PickupDirectory is set. Calls that need mail answer 503 mail_not_configured.")]
        public static partial void NoMail(ILogger logger);

        [LoggerMessage(2, LogLevel.Warning, "Mail could not be sent to {Target}; it stays queued, and is tried again at {At:u}: {Message}. Logged at most once a minute.")]
        public static partial void NotSent(ILogger logger, string target, DateTimeOffset at, string message);

        [LoggerMessage(3, LogLevel.Warning, "Message {MessageId}, about user {UserId}, cannot be delivered, and is dropped: {Reason}.")]
        public static partial void Refused(ILogger logger, Guid messageId, int? userId, string reason);

        [LoggerMessage(4, LogLevel.Warning, "Message {MessageId} is dropped: it is too old to be of use, after {Attempts} attempts.")]
        public static partial void Expired(ILogger logger, Guid messageId, int attempts);

        [LoggerMessage(5, LogLevel.Warning, "The queue of messages could not be read; it is tried again: {Message}")]
        public static partial void QueueNotRead(ILogger logger, string message);

        [LoggerMessage(6, LogLevel.Warning, "Message {MessageId}, about user {UserId}, is refused for now; it stays queued, and is tried again at {At:u}: {Reason}. Logged at most once a minute.")]
        public static partial void RefusedForNow(ILogger logger, Guid messageId, int? userId, DateTimeOffset at, string reason);
    }
}
