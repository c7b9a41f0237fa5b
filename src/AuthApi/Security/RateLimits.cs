using System.Buffers.Binary;
using System.ComponentModel.DataAnnotations;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using AuthApi.Api;
using AuthApi.Startup;
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

    /// <summary>How many accounts may be made from one client address at once, and again in the course of each hour.</summary>
    [Range(1, 1_000_000_000, ErrorMessage = AtLeastOne)]
    public int RegistrationsPerHour { get; set; } = 20;

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
/// How often one client may knock (ASVS 2.4.1, 6.3.1). Each count is a bucket that refills steadily, so that a burst is fine and a stream
/// is not. Guesses are counted by the client's address; what comes with a live session is counted by its user, so that no stranger at the
/// same address keeps anybody from it.
/// </summary>
public static partial class RateLimits
{
    internal static void AddRateLimits(this IServiceCollection services)
    {
        services.AddValidatedOptions<RateLimitingOptions>(RateLimitingOptions.Section);
        services.AddSingleton<Limiter>();
    }

    /// <summary>
    /// Refuses with 429 <c>too_many_requests</c> and <c>Retry-After</c>. It has to know who is signed in. The framework's middleware, for limits on what goes
    /// on at once too, makes a lease for each request and waits until it is given back.
    /// </summary>
    internal static IApplicationBuilder UseRateLimits(this WebApplication app)
    {
        if (!app.Services.GetRequiredService<IOptions<RateLimitingOptions>>().Value.Enabled)
        {
            return app;
        }

        var limiter = app.Services.GetRequiredService<Limiter>();
        return app.Use((context, next) => limiter.TryCount(context, out var retryAfter) ? next(context) : limiter.RefuseAsync(context, retryAfter));
    }

    /// <summary>Whose count it is: a user's, an IPv4 address's, or that of the /64 of which an IPv6 client has every address.</summary>
    internal readonly record struct Client(char Kind, ulong Value)
    {
        public static Client SignedInOrAtAddress(HttpContext context) =>
            context.User.Identity?.IsAuthenticated == true ? new Client('u', (ulong)context.User.GetUserId()) : AtAddress(context);

        public static Client AtAddress(HttpContext context) => At(context.Connection.RemoteIpAddress);

        /// <param name="address">None, over a Unix socket, is one client.</param>
        public static Client At(IPAddress? address)
        {
            Span<byte> bytes = stackalloc byte[16];
            bytes.Clear();
            if (address is { IsIPv4MappedToIPv6: true })
            {
                address = address.MapToIPv4();
            }

            address?.TryWriteBytes(bytes, out _);
            return new Client(address?.AddressFamily == AddressFamily.InterNetworkV6 ? '6' : '4', BinaryPrimitives.ReadUInt64BigEndian(bytes));
        }
    }

    private sealed partial class Limiter(IOptions<RateLimitingOptions> options, TimeProvider time, ILogger<Limiter> logger) : IDisposable
    {
        private readonly ClientBuckets<Client> _requests = new(options.Value.RequestsPerMinute, TimeSpan.FromMinutes(1), time);
        private readonly ClientBuckets<Client> _logins = new(options.Value.LoginsPerMinute, TimeSpan.FromMinutes(1), time);
        private readonly ClientBuckets<Client> _registrations = new(options.Value.RegistrationsPerHour, TimeSpan.FromHours(1), time);
        private readonly ClientBuckets<Client> _logouts = new(options.Value.RequestsPerMinute, TimeSpan.FromMinutes(1), time);
        private readonly LogThrottle _log = new(time);

        public bool TryCount(HttpContext context, out TimeSpan retryAfter)
        {
            var count = context.GetEndpoint()?.Metadata.GetMetadata<CountedAsAttribute>()?.Count ?? RateLimit.Requests;
            return count switch
            {
                RateLimit.Logins => _logins.TryTake(Client.AtAddress(context), out retryAfter),
                RateLimit.Registrations => _registrations.TryTake(Client.AtAddress(context), out retryAfter),
                RateLimit.Logouts => _logouts.TryTake(Client.SignedInOrAtAddress(context), out retryAfter),
                _ => _requests.TryTake(Client.SignedInOrAtAddress(context), out retryAfter),
            };
        }

        public Task RefuseAsync(HttpContext context, TimeSpan retryAfter)
        {
            context.Response.Headers.RetryAfter = Math.Max(1, (long)Math.Ceiling(retryAfter.TotalSeconds)).ToString(CultureInfo.InvariantCulture);
            if (_log.IsDue())
            {
                TooMany(logger, ClientInfo.Of(context).IpAddress);
            }

            return ApiProblem.TooManyRequests.WriteAsync(context);
        }

        public void Dispose()
        {
            foreach (var buckets in new[] { _requests, _logins, _registrations, _logouts })
            {
                buckets.Dispose();
            }
        }

        [LoggerMessage(1, LogLevel.Warning, "Requests from {IpAddress} are refused: there are too many. This is logged once a minute, whoever it is.")]
        private static partial void TooMany(ILogger logger, string? ipAddress);
    }
}
