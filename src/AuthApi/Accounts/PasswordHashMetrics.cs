using System.Diagnostics.Metrics;
using AuthApi.Startup;

namespace AuthApi.Accounts;

/// <summary>What happens at the gate before the password hashes, in numbers.</summary>
internal sealed class PasswordHashMetrics
{
    public PasswordHashMetrics(IMeterFactory meters, PasswordHashLimiter gate)
    {
        var meter = meters.CreateMeter();
        meter.CreateObservableUpDownCounter("authapi.password_hash.active", () => gate.Active, "{hash}", "Passwords that are being hashed.");
        meter.CreateObservableUpDownCounter("authapi.password_hash.queue", () => gate.Waiting, "{hash}", "Passwords that wait to be hashed.");
    }
}
