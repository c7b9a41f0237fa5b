using System.ComponentModel.DataAnnotations;
using System.Threading.RateLimiting;
using AuthApi.Api;
using AuthApi.Sessions;
using AuthApi.Startup;
using Microsoft.AspNetCore.RateLimiting;
using Microsoft.Extensions.Options;

namespace AuthApi.Security;

/// <summary>The configuration section <c>RateLimiting</c>.</summary>
public sealed class RateLimitingOptions
{
    public const string Section = "RateLimiting";

    private const string AtLeastOne = Section + ":{0} must be between 1 and 1,000,000,000.";

    /// <summary>Whether requests are counted at all.</summary>
    public bool Enabled { get; set; } = true;

    /// <summary>How many passwords may be tried from one client address at once, and again in the course of each minute.</summary>
    [Range(1, 1_000_000_000, ErrorMessage = AtLeastOne)]
    public int LoginsPerMinute { get; set; } = 10;

    /// <summary>How many accounts may be made from one client address at once, and again in the course of each hour. Refused registrations are not counted.</summary>
    [Range(1, 1_000_000_000, ErrorMessage = AtLeastOne)]
    public int RegistrationsPerHour { get; set; } = 20;

    /// <summary>How many registrations, refused ones included, may be tried from one client address at once, and again in the course of each hour.</summary>
    [Range(1, 1_000_000_000, ErrorMessage = AtLeastOne)]
    public int RegistrationAttemptsPerHour { get; set; } = 200;

    /// <summary>How many other requests a user, or a client address without a session, may make in a minute; logouts have a count of their own.</summary>
    [Range(1, 1_000_000_000, ErrorMessage = AtLeastOne)]
    public int RequestsPerMinute { get; set; } = 600;
}

/// <summary>The counts that a request can belong to.</summary>
public enum RateLimit
{
    /// <summary>Whatever has no count of its own.</summary>
    Requests,

    /// <summary>Calls that try a password.</summary>
    Logins,

    /// <summary>Calls that make an account.</summary>
    Registrations,

    /// <summary>Logging out: whatever else a client has used up, it can still log out.</summary>
    Logouts,
}

/// <summary>Says which count the requests for an action belong to. What has one is not in <see cref="RateLimit.Requests"/>, or a flood of it would use that up.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class CountedAsAttribute(RateLimit count) : Attribute
{
    public RateLimit Count => count;
}

/// <summary>
/// Limits how many requests one client may send (ASVS 2.4.1, 6.3.1), by the framework's rate limiting middleware. Each count is a bucket that refills
/// steadily, so that a burst passes and a stream does not. Guesses are counted by the client's address; requests with a live session are counted by its
/// user, so that no stranger at the same address uses up the user's count.
/// </summary>
internal static partial class RateLimits
{
    public static void AddRateLimits(this IServiceCollection services)
    {
        services.AddValidatedOptions<RateLimitingOptions>(RateLimitingOptions.Section);
        services.AddSingleton<SharedCounts>();
        services.AddHostedService(provider => provider.GetRequiredService<SharedCounts>());
        services.AddSingleton<ClientLimiter>();
        services.AddRateLimiter(_ => { });
        services.AddOptions<RateLimiterOptions>().Configure<IServiceProvider>((options, provider) =>
        {
            if (!provider.GetRequiredService<IOptions<RateLimitingOptions>>().Value.Enabled)
            {
                return;
            }

            var logger = provider.GetRequiredService<ILoggerFactory>().CreateLogger(typeof(RateLimits).FullName!);
            var throttle = new LogThrottle(provider.GetRequiredService<TimeProvider>());
            options.GlobalLimiter = provider.GetRequiredService<ClientLimiter>();
            options.OnRejected = async (rejected, _) =>
            {
                if (throttle.IsDue())
                {
                    Log.TooMany(logger, ClientInfo.Of(rejected.HttpContext).IpAddress);
                }

                rejected.Lease.TryGetMetadata(MetadataName.RetryAfter, out var retryAfter);
                await WriteAsync(rejected.HttpContext, retryAfter);
            };
        });
    }

    private static Task WriteAsync(HttpContext context, TimeSpan retryAfter)
    {
        var seconds = Math.Max(1, (int)Math.Ceiling(retryAfter.TotalSeconds));
        var wait = seconds switch
        {
            1 => "1 second",
            < 120 => $"{seconds} seconds",
            _ => $"{(seconds + 59) / 60} minutes",
        };
        return (ApiProblem.TooManyRequests with { Title = $"Too many requests. Try again in {wait}.", RetryAfter = seconds }).WriteAsync(context);
    }

    private static partial class Log
    {
        [LoggerMessage(1, LogLevel.Warning, "Requests from {IpAddress} are rejected: there are too many. Logged at most once a minute, for all addresses.")]
        public static partial void TooMany(ILogger logger, string? ipAddress);
    }
}
