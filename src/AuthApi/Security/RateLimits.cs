using System.Buffers.Binary;
using System.ComponentModel.DataAnnotations;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Threading.RateLimiting;
using AuthApi.Hosting;
using AuthApi.Http;
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

    /// <summary>How many passwords may be tried from one client address in a minute, at login and reauthentication together.</summary>
    [Range(1, 1_000_000_000, ErrorMessage = AtLeastOne)]
    public int LoginsPerMinute { get; set; } = 10;

    /// <summary>How many accounts may be made from one client address in an hour.</summary>
    [Range(1, 1_000_000_000, ErrorMessage = AtLeastOne)]
    public int RegistrationsPerHour { get; set; } = 20;

    /// <summary>How many other requests may come from one client address in a minute; logouts have a count of their own of the same size.</summary>
    [Range(1, 1_000_000_000, ErrorMessage = AtLeastOne)]
    public int RequestsPerMinute { get; set; } = 600;
}

/// <summary>
/// How often one client may knock (ASVS 2.4.1, 6.3.1). An action says which count it belongs to by
/// <c>[EnableRateLimiting(RateLimits.Logins)]</c>; what says nothing belongs to the wide one. Each count is a bucket that refills steadily, so
/// that a burst is fine and a stream is not.
/// </summary>
public static partial class RateLimits
{
    /// <summary>Calls that try a password.</summary>
    public const string Logins = "logins";

    /// <summary>Calls that make an account.</summary>
    public const string Registrations = "registrations";

    /// <summary>Logging out: whatever else an address has used up, it can still log out.</summary>
    public const string Logouts = "logouts";

    internal static void AddRateLimits(this IServiceCollection services)
    {
        services.AddValidatedOptions<RateLimitingOptions>(RateLimitingOptions.Section);
        services.AddRateLimiter(_ => { });
        services.AddSingleton<Refusals>();
        services.AddOptions<RateLimiterOptions>().Configure<IOptions<RateLimitingOptions>, Refusals>((limiter, options, refusals) =>
        {
            var limits = options.Value;
            limiter.RejectionStatusCode = StatusCodes.Status429TooManyRequests;
            limiter.OnRejected = refusals.AnswerAsync;
            limiter.AddPolicy(Logins, Bucket(limits.LoginsPerMinute, TimeSpan.FromMinutes(1)));
            limiter.AddPolicy(Registrations, Bucket(limits.RegistrationsPerHour, TimeSpan.FromHours(1)));
            limiter.AddPolicy(Logouts, Bucket(limits.RequestsPerMinute, TimeSpan.FromMinutes(1)));

            // What has a count of its own is not in the wide one, or a flood of it would use that up for all the rest.
            var wide = Bucket(limits.RequestsPerMinute, TimeSpan.FromMinutes(1));
            limiter.GlobalLimiter = PartitionedRateLimiter.Create<HttpContext, ClientNetwork>(context =>
                context.GetEndpoint()?.Metadata.GetMetadata<EnableRateLimitingAttribute>() is null
                    ? wide(context)
                    : RateLimitPartition.GetNoLimiter(ClientNetwork.Uncounted));
        });
    }

    internal static IApplicationBuilder UseRateLimits(this WebApplication app) =>
        app.Services.GetRequiredService<IOptions<RateLimitingOptions>>().Value.Enabled ? app.UseRateLimiter() : app;

    private static Func<HttpContext, RateLimitPartition<ClientNetwork>> Bucket(int permits, TimeSpan window)
    {
        // One at a time, where that is no more often than the limiter looks.
        var period = TimeSpan.FromTicks(Math.Max(window.Ticks / permits, TimeSpan.TicksPerSecond / 10));
        var options = new TokenBucketRateLimiterOptions
        {
            TokenLimit = permits,
            TokensPerPeriod = (int)Math.Max(1, permits * (period / window)),
            ReplenishmentPeriod = period,
            AutoReplenishment = false, // the partitioned limiter does it for all of them
        };
        return context => RateLimitPartition.GetTokenBucketLimiter(ClientNetwork.Of(context.Connection.RemoteIpAddress), _ => options);
    }

    /// <summary>Whose count it is: an IPv4 address, or the /64 that an IPv6 client has all of. No address (a Unix socket) is one client.</summary>
    internal readonly record struct ClientNetwork(AddressFamily Family, ulong Prefix)
    {
        public static readonly ClientNetwork Uncounted = new(AddressFamily.Unknown, 0);

        public static ClientNetwork Of(IPAddress? address)
        {
            if (address is null)
            {
                return default;
            }

            Span<byte> bytes = stackalloc byte[16];
            bytes.Clear();
            if (address.IsIPv4MappedToIPv6)
            {
                address = address.MapToIPv4();
            }

            address.TryWriteBytes(bytes, out _);
            return new ClientNetwork(address.AddressFamily, BinaryPrimitives.ReadUInt64BigEndian(bytes));
        }
    }

    private sealed partial class Refusals(TimeProvider time, ILogger<Refusals> logger)
    {
        private readonly OnceAMinute _log = new(time);

        public async ValueTask AnswerAsync(OnRejectedContext rejected, CancellationToken cancellationToken)
        {
            var wait = rejected.Lease.TryGetMetadata(MetadataName.RetryAfter, out var retryAfter) ? retryAfter : TimeSpan.Zero;
            rejected.HttpContext.Response.Headers.RetryAfter = Math.Max(1, (long)Math.Ceiling(wait.TotalSeconds)).ToString(CultureInfo.InvariantCulture);
            if (_log.IsDue())
            {
                TooMany(logger, ClientInfo.Of(rejected.HttpContext).IpAddress);
            }

            await ApiProblem.TooManyRequests.WriteAsync(rejected.HttpContext);
        }

        [LoggerMessage(1, LogLevel.Warning, "Requests from {IpAddress} are refused: there are too many. This is logged once a minute, whoever it is.")]
        private static partial void TooMany(ILogger logger, string? ipAddress);
    }
}
