using System.Diagnostics.Metrics;
using AuthApi.Startup;

namespace AuthApi.Passwords;

/// <summary>The number of password hashes under way and waiting.</summary>
internal sealed class PasswordHashMetrics
{
    public PasswordHashMetrics(IMeterFactory meters, PasswordHashLimiter limiter)
    {
        var meter = meters.CreateMeter();
        meter.CreateObservableUpDownCounter("authapi.password_hash.active", () => limiter.Active, "{hash}", "Passwords that are being hashed.");
        meter.CreateObservableUpDownCounter("authapi.password_hash.queue", () => limiter.Waiting, "{hash}", "Passwords that wait to be hashed.");
    }
}
