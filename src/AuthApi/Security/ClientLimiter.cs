using System.Threading.RateLimiting;
using Microsoft.Extensions.Options;

namespace AuthApi.Security;

/// <summary>
/// The limiter of the framework's middleware: which count a request belongs to, and whether its client has one left (decision 0014). Where several nodes
/// share a database, logins and registrations are counted in it too, after this node's own count: so a client whom this node refuses costs the database
/// nothing.
/// </summary>
internal sealed class ClientLimiter(IOptions<RateLimitingOptions> options, TimeProvider time, SharedCounts shared) : PartitionedRateLimiter<HttpContext>
{
    private static readonly TimeSpan Minute = TimeSpan.FromMinutes(1);
    private static readonly TimeSpan Hour = TimeSpan.FromHours(1);

    private readonly ClientCount _requests = new(options.Value.RequestsPerMinute, Minute, time);
    private readonly ClientCount _logouts = new(options.Value.RequestsPerMinute, Minute, time);
    private readonly ClientCount _logins = new(options.Value.LoginsPerMinute, Minute, time);
    private readonly ClientCount _registrations = new(options.Value.RegistrationsPerHour, Hour, time);
    private readonly ClientCount _registrationAttempts = new(options.Value.RegistrationAttemptsPerHour, Hour, time);

    public override RateLimiterStatistics? GetStatistics(HttpContext resource) => null;

    protected override RateLimitLease AttemptAcquireCore(HttpContext resource, int permitCount) =>
        CountOf(resource) switch
        {
            // The middleware then asks asynchronously.
            RateLimit.Logins or RateLimit.Registrations when shared.Exist => new Rejected(TimeSpan.Zero),
            RateLimit.Logins => Take(_logins, CountedClient.Of(resource.Connection.RemoteIpAddress)),
            RateLimit.Registrations => TakeRegistration(resource),
            RateLimit.Logouts => Take(_logouts, CountedClient.UserOrAddress(resource)),
            _ => Take(_requests, CountedClient.UserOrAddress(resource)),
        };

    // Nothing waits for a permit. The middleware asks this once more where the attempt was rejected.
    protected override async ValueTask<RateLimitLease> AcquireAsyncCore(HttpContext resource, int permitCount, CancellationToken cancellationToken) =>
        CountOf(resource) switch
        {
            RateLimit.Logins when shared.Exist => await TakeSharedLoginAsync(resource),
            RateLimit.Registrations when shared.Exist => await TakeSharedRegistrationAsync(resource),
            _ => AttemptAcquireCore(resource, permitCount),
        };

    protected override void Dispose(bool disposing)
    {
        foreach (var count in new[] { _requests, _logouts, _logins, _registrations, _registrationAttempts })
        {
            count.Dispose();
        }

        base.Dispose(disposing);
    }

    private static RateLimit CountOf(HttpContext context) => context.GetEndpoint()?.Metadata.GetMetadata<CountedAsAttribute>()?.Count ?? RateLimit.Requests;

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

    private async Task<RateLimitLease> TakeSharedLoginAsync(HttpContext context)
    {
        var client = CountedClient.Of(context.Connection.RemoteIpAddress);
        var lease = Take(_logins, client);
        if (!lease.IsAcquired)
        {
            return lease;
        }

        try
        {
            return await shared.TryTakeAsync([.. SharedBucket.Of("logins", client, options.Value.LoginsPerMinute, Minute)], Minute) is { } retryAfter ? new Rejected(retryAfter) : lease;
        }
        catch
        {
            // It tries no password.
            _logins.Return(client);
            throw;
        }
    }

    private async Task<RateLimitLease> TakeSharedRegistrationAsync(HttpContext context)
    {
        var client = CountedClient.Of(context.Connection.RemoteIpAddress);
        var lease = TakeRegistration(context);
        if (!lease.IsAcquired)
        {
            return lease;
        }

        List<SharedBucket> registrations = [.. SharedBucket.Of("registrations", client, options.Value.RegistrationsPerHour, Hour)];
        var attempts = SharedBucket.Of("registration attempts", client, options.Value.RegistrationAttemptsPerHour, Hour);
        try
        {
            if (await shared.TryTakeAsync([.. registrations, .. attempts], Hour) is { } retryAfter)
            {
                lease.Dispose();
                return new Rejected(retryAfter);
            }
        }
        catch
        {
            // It makes no account.
            lease.Dispose();
            throw;
        }

        context.Response.OnCompleted(() => MadeAnAccount(context.Response) ? Task.CompletedTask : shared.ReturnAsync(registrations));
        return lease;
    }

    private static bool MadeAnAccount(HttpResponse response) => response.StatusCode is StatusCodes.Status201Created or StatusCodes.Status202Accepted;

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
            if (!_isDisposed && !MadeAnAccount(response))
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
