using System.Threading.RateLimiting;
using Microsoft.Extensions.Options;

namespace AuthApi.Security;

/// <summary>The limiter of the framework's middleware: which count a request belongs to, and whether its client has one left (decision 0014).</summary>
internal sealed class ClientLimiter(IOptions<RateLimitingOptions> options, TimeProvider time) : PartitionedRateLimiter<HttpContext>
{
    private readonly ClientCount _requests = new(options.Value.RequestsPerMinute, TimeSpan.FromMinutes(1), time);
    private readonly ClientCount _logouts = new(options.Value.RequestsPerMinute, TimeSpan.FromMinutes(1), time);
    private readonly ClientCount _logins = new(options.Value.LoginsPerMinute, TimeSpan.FromMinutes(1), time);
    private readonly ClientCount _registrations = new(options.Value.RegistrationsPerHour, TimeSpan.FromHours(1), time);
    private readonly ClientCount _registrationAttempts = new(options.Value.RegistrationAttemptsPerHour, TimeSpan.FromHours(1), time);

    public override RateLimiterStatistics? GetStatistics(HttpContext resource) => null;

    protected override RateLimitLease AttemptAcquireCore(HttpContext resource, int permitCount) =>
        (resource.GetEndpoint()?.Metadata.GetMetadata<CountedAsAttribute>()?.Count ?? RateLimit.Requests) switch
        {
            RateLimit.Logins => Take(_logins, CountedClient.Of(resource.Connection.RemoteIpAddress)),
            RateLimit.Registrations => TakeRegistration(resource),
            RateLimit.Logouts => Take(_logouts, CountedClient.UserOrAddress(resource)),
            _ => Take(_requests, CountedClient.UserOrAddress(resource)),
        };

    // Nothing waits for a permit. The middleware asks this once more where the attempt was rejected.
    protected override ValueTask<RateLimitLease> AcquireAsyncCore(HttpContext resource, int permitCount, CancellationToken cancellationToken) =>
        new(AttemptAcquireCore(resource, permitCount));

    protected override void Dispose(bool disposing)
    {
        foreach (var count in new[] { _requests, _logouts, _logins, _registrations, _registrationAttempts })
        {
            count.Dispose();
        }

        base.Dispose(disposing);
    }

    private static RateLimitLease Take(ClientCount count, CountedClient client) =>
        count.TryTake(client, out var retryAfter) ? Acquired.Instance : new Rejected(retryAfter);

    private RateLimitLease TakeRegistration(HttpContext context)
    {
        var client = CountedClient.Of(context.Connection.RemoteIpAddress);
        if (!_registrations.TryTake(client, out var retryAfter))
        {
            return new Rejected(retryAfter);
        }

        if (!_registrationAttempts.TryTake(client, out retryAfter))
        {
            _registrations.Return(client);
            return new Rejected(retryAfter);
        }

        return new Registration(context.Response, _registrations, client);
    }

    private abstract class Lease(bool isAcquired) : RateLimitLease
    {
        public override bool IsAcquired => isAcquired;

        public override IEnumerable<string> MetadataNames => [];

        public override bool TryGetMetadata(string metadataName, out object? metadata)
        {
            metadata = null;
            return false;
        }
    }

    // One for all requests, which have nothing to return.
    private sealed class Acquired() : Lease(isAcquired: true)
    {
        public static readonly Acquired Instance = new();
    }

    // Counts while the request is served, so that many at once make no more accounts, and afterwards only if it has made one.
    private sealed class Registration(HttpResponse response, ClientCount count, CountedClient client) : Lease(isAcquired: true)
    {
        private bool _isDisposed;

        protected override void Dispose(bool disposing)
        {
            if (!_isDisposed && response.StatusCode is not (StatusCodes.Status201Created or StatusCodes.Status202Accepted))
            {
                count.Return(client);
            }

            _isDisposed = true;
            base.Dispose(disposing);
        }
    }

    private sealed class Rejected(TimeSpan retryAfter) : Lease(isAcquired: false)
    {
        public override IEnumerable<string> MetadataNames => [MetadataName.RetryAfter.Name];

        public override bool TryGetMetadata(string metadataName, out object? metadata)
        {
            metadata = metadataName == MetadataName.RetryAfter.Name ? retryAfter : null;
            return metadata is not null;
        }
    }
}
