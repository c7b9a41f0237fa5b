using System.Net;
using System.Security.Claims;
using Microsoft.AspNetCore.Http;

namespace AuthApi.Sessions;

/// <summary>
/// A live session as this process knows it: its row, and its last use to the second. One instance serves many requests at once, so nothing in it
/// but the last use ever changes.
/// </summary>
public sealed class LiveSession
{
    // Made when it is first shown: a session whose first request is its logout needs none.
    private SessionResponse? _response;
    private Use _lastUse;

    /// <param name="session">The row.</param>
    /// <param name="lastSeen">The last use, which may be later than the row knows.</param>
    /// <param name="principal">The user. All requests of the session share it, so nothing may change it.</param>
    /// <param name="readAt">When, by the cache's clock, the reading of all this began.</param>
    internal LiveSession(UserSession session, LastSeen lastSeen, ClaimsPrincipal? principal = null, long readAt = 0)
    {
        Session = session;
        Principal = principal!;
        ReadAt = readAt;
        _lastUse = new Use(lastSeen.At.ToUnixTimeMilliseconds(), lastSeen.Client, address: null, userAgent: null);
    }

    /// <summary>The row, as it was read.</summary>
    public UserSession Session { get; }

    /// <summary>The last use that this process knows of.</summary>
    public DateTimeOffset LastSeenAt => DateTimeOffset.FromUnixTimeMilliseconds(Volatile.Read(ref _lastUse).At);

    /// <summary>The client of the last use that this process knows of.</summary>
    public ClientInfo LastClient => Volatile.Read(ref _lastUse).Client;

    /// <summary>When the session ends if it is not used again.</summary>
    public DateTimeOffset ExpiresAt => Session.IdleExpiresAtFrom(LastSeenAt);

    /// <summary>The session as its owner may see it.</summary>
    /// <param name="isCurrent">Whether it is the session of the request.</param>
    public SessionResponse ToResponse(bool isCurrent = true)
    {
        var use = Volatile.Read(ref _lastUse);
        var lastSeenAt = DateTimeOffset.FromUnixTimeMilliseconds(use.At);
        var response = _response ??= SessionResponse.From(Session, isCurrent: false);
        return response with
        {
            Current = isCurrent,
            LastSeenAt = lastSeenAt,
            ExpiresAt = Session.IdleExpiresAtFrom(lastSeenAt),
            LastIpAddress = use.Client.IpAddress,
            LastDevice = use.Client.UserAgent == Session.UserAgent ? response.Device : use.Device,
        };
    }

    /// <summary>The user, for all requests of the session.</summary>
    internal ClaimsPrincipal Principal { get; }

    internal long ReadAt { get; }

    internal bool IsExpired(DateTimeOffset now) => ExpiresAt <= now;

    /// <summary>Notes a use.</summary>
    /// <returns>What is new to the store, or <see langword="null"/> when this second's use by this client, or a later one, is known.</returns>
    internal LastSeen? Touch(DateTimeOffset now, HttpContext context)
    {
        var at = now.ToUnixTimeMilliseconds();
        var known = Volatile.Read(ref _lastUse);
        if (at < known.At)
        {
            return null;
        }

        // A copied token that is used within the same second from elsewhere shows too.
        var address = context.Connection.RemoteIpAddress;
        var userAgent = context.Request.Headers.UserAgent;
        var isSameClient = Equals(address, known.Address) && userAgent.Equals(known.UserAgent);
        if (isSameClient && at < known.At + 1000)
        {
            return null;
        }

        var client = isSameClient ? known.Client : Shared(ClientInfo.Of(context), known.Client);
        var sent = userAgent.Equals(client.UserAgent) ? client.UserAgent : userAgent.ToString();
        if (at < known.At + 1000 && client == known.Client)
        {
            // The first use since the row was read, or in other words the same.
            Interlocked.CompareExchange(ref _lastUse, new Use(known.At, known.Client, address, sent), known);
            return null;
        }

        if (Interlocked.CompareExchange(ref _lastUse, new Use(at, client, address, sent), known) != known)
        {
            return null;
        }

        var seenAt = DateTimeOffset.FromUnixTimeMilliseconds(at);
        return new LastSeen(Session.UserId, Session.Id, seenAt, Session.IdleExpiresAtFrom(seenAt), client);
    }

    // A browser's User-Agent is some hundred characters: one string for all who have the same.
    private static ClientInfo Shared(ClientInfo client, ClientInfo known) => new(
        client.IpAddress == known.IpAddress ? known.IpAddress : client.IpAddress, client.UserAgent == known.UserAgent ? known.UserAgent : client.UserAgent);

    // What the client sent is kept beside what is shown of it, to be compared with the next request's.
    private sealed class Use(long at, ClientInfo client, IPAddress? address, string? userAgent)
    {
        private string? _device;

        public long At => at;

        public ClientInfo Client => client;

        public IPAddress? Address => address;

        public string? UserAgent => userAgent;

        public string? Device => _device ??= client.Device;
    }
}
