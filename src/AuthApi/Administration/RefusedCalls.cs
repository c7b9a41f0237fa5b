using System.Collections.Concurrent;
using AuthApi.Api;
using AuthApi.Sessions;
using AuthApi.Storage;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Authorization.Infrastructure;
using Microsoft.AspNetCore.Authorization.Policy;
using Microsoft.AspNetCore.Http.Metadata;
using Microsoft.EntityFrameworkCore;

namespace AuthApi.Administration;

/// <summary>Records calls of administration that are refused (ASVS 16.3.2): once a minute for each kind of refusal and client, however many there are.</summary>
internal sealed partial class RefusedCalls(
    IAuthorizationMiddlewareResultHandler inner, IDbContextFactory<AuthDbContext> contexts, AdministrationMetrics metrics, TimeProvider time, ILogger<RefusedCalls> logger) : IAuthorizationMiddlewareResultHandler
{
    /// <summary>How many kinds and clients are known at a time. More than that in a minute are not recorded.</summary>
    internal const int MaxKnown = 1_000;

    private static readonly TimeSpan Interval = TimeSpan.FromMinutes(1);

    private readonly ConcurrentDictionary<(string Code, string? IpAddress), DateTimeOffset> _recorded = [];

    public async Task HandleAsync(RequestDelegate next, HttpContext context, AuthorizationPolicy policy, PolicyAuthorizationResult authorizeResult)
    {
        if (!authorizeResult.Succeeded && context.GetEndpoint()?.Metadata.GetMetadata<ITagsMetadata>()?.Tags.Contains(AdministrationAnswers.Tag) == true)
        {
            var problem = authorizeResult.Challenged ? ApiProblem.NotAuthenticated
                : authorizeResult.AuthorizationFailure?.FailedRequirements.OfType<RolesAuthorizationRequirement>().Any() == true ? ApiProblem.Forbidden
                : ApiProblem.ReauthenticationRequired;
            metrics.Refused(problem.Code);
            await RecordAsync(context, problem.Code);
        }

        await inner.HandleAsync(next, context, policy, authorizeResult);
    }

    private async Task RecordAsync(HttpContext context, string code)
    {
        var (now, client) = (time.GetUtcNow(), ClientInfo.Of(context));
        if (!IsDue((code, client.IpAddress), now))
        {
            return;
        }

        try
        {
            await using var database = await contexts.CreateDbContextAsync();
            var session = context.FindUserSession()?.Session;
            database.AddAuditEntry(new AuditEntry
            {
                At = now,
                Event = AdministrationEvent.AdministrationRefused,
                UserId = session?.UserId,
                SessionId = session?.Id,
                Reason = code,
                IpAddress = client.IpAddress,
                UserAgent = client.UserAgent,
            });
            await database.SaveChangesAsync();
        }
        catch (Exception exception)
        {
            // The call is refused all the same.
            Log.NotRecorded(logger, code, client.IpAddress, exception.Message);
        }
    }

    private bool IsDue((string Code, string? IpAddress) kind, DateTimeOffset now)
    {
        if (_recorded.Count >= MaxKnown)
        {
            foreach (var (old, at) in _recorded)
            {
                if (now - at >= Interval)
                {
                    _recorded.TryRemove(old, out _);
                }
            }

            if (_recorded.Count >= MaxKnown)
            {
                return false;
            }
        }

        return _recorded.TryAdd(kind, now) || (_recorded.TryGetValue(kind, out var last) && now - last >= Interval && _recorded.TryUpdate(kind, now, last));
    }

    private static partial class Log
    {
        [LoggerMessage(1, LogLevel.Warning, "A call of administration was refused ({Code}) to {IpAddress}, and that could not be recorded: {Message}")]
        public static partial void NotRecorded(ILogger logger, string code, string? ipAddress, string message);
    }
}
