using System.Collections.Concurrent;
using System.Globalization;
using System.Threading.Channels;
using AuthApi.Api;
using AuthApi.Sessions;
using AuthApi.Storage;
using Microsoft.EntityFrameworkCore;

namespace AuthApi.Audit;

/// <summary>
/// Records what can happen any number of times: refused calls, and what administrators read. Each kind is recorded once a minute for each client, and written after the
/// answer, together with others of the same moment. Memory and writes are bounded, whatever clients do.
/// </summary>
internal sealed partial class BoundedEvents(IDbContextFactory<AuthDbContext> contexts, IUserSessionStore store, TimeProvider time, ILogger<BoundedEvents> logger) : BackgroundService
{
    /// <summary>Of how many clients an event is known to be recorded. Those of more clients in a minute are not.</summary>
    internal const int MaxClients = 1_000;

    private const int MaxPending = 2_000;

    private static readonly TimeSpan Interval = TimeSpan.FromMinutes(1);
    private static readonly TimeSpan BetweenAttempts = TimeSpan.FromSeconds(5);

    // Who reads the events does not wait for a store that hangs.
    private static readonly TimeSpan MaxWait = TimeSpan.FromSeconds(1);

    private readonly ConcurrentDictionary<string, RecordedClients> _recorded = new(StringComparer.Ordinal);
    private readonly Channel<(AuditEntry Entry, int? ByUserId)> _pending = Channel.CreateBounded<(AuditEntry, int?)>(MaxPending);
    private readonly List<(AuditEntry Entry, int? ByUserId)> _taken = [];

    // Not disposed, as it holds nothing without a wait handle: a host may be stopped once more after its services are disposed.
    private readonly SemaphoreSlim _writing = new(1);

    private readonly LogThrottle _lost = new(time);

    /// <summary>Records a call that was refused. It is about the session of the request, where there is one.</summary>
    /// <param name="context">The request.</param>
    /// <param name="what">The event.</param>
    /// <param name="code">The code of the answer.</param>
    public void RecordRefusal(HttpContext context, string what, string code)
    {
        var (session, client) = (context.FindUserSession()?.Session, ClientInfo.Of(context));
        Record(
            new AuditEntry
            {
                At = time.GetUtcNow(),
                Event = what,
                UserId = session?.UserId,
                SessionId = session?.Id,
                Reason = code,
                IpAddress = client.IpAddress,
                UserAgent = client.UserAgent,
            },
            byUserId: null,
            $"{code} {session?.UserId} {client.IpAddress}");
    }

    /// <summary>Records what an administrator has read. It is not among the events of the account that was read about.</summary>
    /// <param name="context">The request.</param>
    /// <param name="what">The event.</param>
    /// <param name="about">The account, where it was about one.</param>
    public void RecordRead(HttpContext context, string what, int? about)
    {
        var administrator = context.User.GetUserId();
        Record(
            new AuditEntry { At = time.GetUtcNow(), Event = what, UserId = null, SessionId = null, BySessionId = context.GetUserSession().Session.Id, Reason = Text(about) },
            administrator,
            $"{administrator} {Text(about)}");
    }

    /// <summary>Records what a command has read, and writes it.</summary>
    /// <param name="what">The event.</param>
    /// <param name="about">The account, where it was about one.</param>
    public Task RecordCommandReadAsync(string what, int? about = null)
    {
        Record(
            new AuditEntry { At = time.GetUtcNow(), Event = what, UserId = null, SessionId = null, Reason = Text(about), UserAgent = AdministrationLog.CommandLine.UserAgent },
            byUserId: null,
            $"command {Text(about)}");
        return WriteAsync();
    }

    /// <summary>Writes what is pending, so that who reads the events sees it.</summary>
    public async Task WriteAsync()
    {
        if (!await _writing.WaitAsync(MaxWait))
        {
            return;
        }

        try
        {
            while (_taken.Count < MaxPending && _pending.Reader.TryRead(out var next))
            {
                _taken.Add(next);
            }

            if (_taken.Count > 0)
            {
                await WriteTakenAsync();
            }
        }
        finally
        {
            _writing.Release();
        }
    }

    public override async Task StopAsync(CancellationToken cancellationToken)
    {
        await base.StopAsync(cancellationToken);
        await WriteAsync();
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        while (await _pending.Reader.WaitToReadAsync(stoppingToken))
        {
            await WriteAsync();
            while (_taken.Count > 0)
            {
                await Task.Delay(BetweenAttempts, time, stoppingToken);
                await WriteAsync();
            }
        }
    }

    private static string? Text(int? id) => id?.ToString(CultureInfo.InvariantCulture);

    private void Record(AuditEntry entry, int? byUserId, string client)
    {
        if (_recorded.GetOrAdd(entry.Event, static _ => new RecordedClients()).IsDue(client, entry.At) && !_pending.Writer.TryWrite((entry, byUserId)))
        {
            LogLost("more are pending than are kept");
        }
    }

    private async Task WriteTakenAsync()
    {
        try
        {
            await using var context = await contexts.CreateDbContextAsync();
            foreach (var (entry, byUserId) in _taken)
            {
                context.AddAuditEntry(entry);
                context.Entry(entry).Property(AuthDbContext.ByUserId).CurrentValue = byUserId;
            }

            await context.SaveChangesAsync();
            _taken.Clear();
        }
        catch (Exception exception) when (store.IsOutOfReach(exception))
        {
            // They wait until it is back.
        }
        catch (Exception exception)
        {
            // The answers have been sent.
            _taken.Clear();
            LogLost(exception.GetBaseException().Message);
        }
    }

    private void LogLost(string reason)
    {
        if (_lost.IsDue())
        {
            Log.NotRecorded(logger, reason);
        }
    }

    private sealed class RecordedClients
    {
        private readonly ConcurrentDictionary<string, DateTimeOffset> _at = new(StringComparer.Ordinal);
        private readonly Lock _lock = new();
        private DateTimeOffset _swept;

        public bool IsDue(string client, DateTimeOffset now)
        {
            if (_at.TryGetValue(client, out var last))
            {
                return (now - last).Duration() >= Interval && _at.TryUpdate(client, now, last);
            }

            return HasRoom(now) && _at.TryAdd(client, now);
        }

        // Once a second at most: a flood of clients is not a flood of sweeps.
        private bool HasRoom(DateTimeOffset now)
        {
            if (_at.Count < MaxClients)
            {
                return true;
            }

            lock (_lock)
            {
                if ((now - _swept).Duration() >= TimeSpan.FromSeconds(1))
                {
                    _swept = now;
                    foreach (var client in _at)
                    {
                        if ((now - client.Value).Duration() >= Interval)
                        {
                            _at.TryRemove(client);
                        }
                    }
                }
            }

            return _at.Count < MaxClients;
        }
    }

    private static partial class Log
    {
        [LoggerMessage(1, LogLevel.Warning, "Events of refused calls, or of what administrators read, could not be recorded: {Reason}. Logged at most once a minute.")]
        public static partial void NotRecorded(ILogger logger, string reason);
    }
}
