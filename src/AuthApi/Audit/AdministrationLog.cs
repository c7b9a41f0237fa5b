using System.Globalization;
using AuthApi.Api;
using AuthApi.Sessions;
using AuthApi.Storage;

namespace AuthApi.Audit;

/// <summary>Adds events of administration to what the context saves next, with who did it: the administrator of the request, or the command line.</summary>
internal sealed class AdministrationLog(AuthDbContext context, AdministrationMetrics metrics, TimeProvider time, IHttpContextAccessor http)
{
    /// <summary>The client that the events of the command line have.</summary>
    public static readonly ClientInfo CommandLine = new(null, "AuthApi command line");

    /// <summary>Adds an event.</summary>
    /// <param name="what">One of <see cref="AdministrationEvent"/>.</param>
    /// <param name="userId">The account that it is about; <see langword="null"/> for everybody.</param>
    /// <param name="reason">What the event alone does not say.</param>
    public void Add(string what, int? userId, string? reason = null)
    {
        metrics.Done(what);

        // Not where the administrator is: the owner of the account sees the event too. The administrator's own sign-in has it.
        var request = http.HttpContext;
        var session = request?.FindUserSession()?.Session;
        var entry = new AuditEntry
        {
            At = time.GetUtcNow(),
            Event = what,
            UserId = userId?.ToString(CultureInfo.InvariantCulture),
            SessionId = null,
            BySessionId = session?.Id,
            Reason = reason,
            UserAgent = request is null ? CommandLine.UserAgent : null,
        };
        context.AddAuditEntry(entry);
        context.Entry(entry).Property(AuthDbContext.ByUserId).CurrentValue = session is null ? null : request!.User.GetUserId();
    }
}
