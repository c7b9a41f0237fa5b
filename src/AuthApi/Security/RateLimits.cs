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

/// <summary>
/// How often one client may knock (ASVS 2.4.1, 6.3.1). An action says which count it belongs to by
/// <c>[EnableRateLimiting(RateLimits.Logins)]</c>; what says nothing belongs to the wide one. Each count is a bucket that refills steadily, so
/// that a burst is fine and a stream is not. Guesses are counted by the client's address; what comes with a live session is counted by its
/// user, so that no stranger at the same address keeps anybody from it.
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
            limiter.OnRejected = refusals.AnswerAsync;
            limiter.AddPolicy(Logins, Bucket(limits.LoginsPerMinute, TimeSpan.FromMinutes(1), Client.AtAddress));
            limiter.AddPolicy(Registrations, Bucket(limits.RegistrationsPerHour, TimeSpan.FromHours(1), Client.AtAddress));
            limiter.AddPolicy(Logouts, Bucket(limits.RequestsPerMinute, TimeSpan.FromMinutes(1), Client.SignedInOrAtAddress));

            // What has a count of its own is not in the wide one, or a flood of it would use that up for all the rest.
            var wide = Bucket(limits.RequestsPerMinute, TimeSpan.FromMinutes(1), Client.SignedInOrAtAddress);
            limiter.GlobalLimiter = PartitionedRateLimiter.Create<HttpContext, Client>(context =>
                context.GetEndpoint()?.Metadata.GetMetadata<EnableRateLimitingAttribute>() is null
                    ? wide(context)
                    : RateLimitPartition.GetNoLimiter(Client.Uncounted));
        });
    }

    /// <summary>Refuses with 429 <c>too_many_requests</c> and <c>Retry-After</c>. It has to know who is signed in.</summary>
    internal static IApplicationBuilder UseRateLimits(this WebApplication app) =>
        app.Services.GetRequiredService<IOptions<RateLimitingOptions>>().Value.Enabled ? app.UseRateLimiter() : app;

    private static Func<HttpContext, RateLimitPartition<Client>> Bucket(int permits, TimeSpan window, Func<HttpContext, Client> whose)
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
        return context => RateLimitPartition.GetTokenBucketLimiter(whose(context), _ => options);
    }

    /// <summary>Whose count it is: a user's, an IPv4 address's, or that of the /64 of which an IPv6 client has every address.</summary>
    internal readonly record struct Client(char Kind, ulong Value)
    {
        public static readonly Client Uncounted = new('-', 0);

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
