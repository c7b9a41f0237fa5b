using System.Globalization;
using AuthApi.Api;
using AuthApi.Sessions;
using AuthApi.Storage;

namespace AuthApi.Administration;

/// <summary>Adds events of administration to what the context saves next, with who did it: the administrator of the request, or the command line.</summary>
internal sealed class AdministrationLog(AuthDbContext context, AdministrationMetrics metrics, TimeProvider time, IHttpContextAccessor http)
{
    /// <summary>The client that the events of the command line have.</summary>
    public static readonly ClientInfo CommandLine = new(null, "AuthApi command line");

    /// <summary>The administrator's session, and the client; of the command line the latter alone.</summary>
    public (Guid? SessionId, ClientInfo Client) By => http.HttpContext is { } request
        ? (request.FindUserSession()?.Session.Id, ClientInfo.Of(request))
        : (null, CommandLine);

    /// <summary>Adds an event.</summary>
    /// <param name="what">One of <see cref="AdministrationEvent"/>.</param>
    /// <param name="userId">The account that it is about; <see langword="null"/> for everybody.</param>
    /// <param name="reason">What the event alone does not say.</param>
    public void Add(string what, int? userId, string? reason = null)
    {
        metrics.Done(what);
        var (sessionId, client) = By;
        var entry = new AuditEntry
        {
            At = time.GetUtcNow(),
            Event = what,
            UserId = userId?.ToString(CultureInfo.InvariantCulture),
            SessionId = null,
            BySessionId = sessionId,
            Reason = reason,
            IpAddress = client.IpAddress,
            UserAgent = client.UserAgent,
        };
        context.AddAuditEntry(entry);
        context.Entry(entry).Property(AuthDbContext.ByUserId).CurrentValue = http.HttpContext is { } request && request.FindUserSession() is not null ? request.User.GetUserId() : null;
    }
}
