using AuthApi.Startup;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.Extensions.Options;

namespace AuthApi.Telemetry;

/// <summary>Fails the start where the server does not listen on <c>Metrics:Port</c>. Its addresses are known once it listens.</summary>
internal sealed class MetricsPortCheck(IOptions<MetricsOptions> options, IServer server) : IHostedLifecycleService
{
    /// <exception cref="ConfigurationException">No address has that port.</exception>
    public Task StartedAsync(CancellationToken cancellationToken)
    {
        if (options.Value.Port is { } port
            && server.Features.Get<IServerAddressesFeature>()?.Addresses is { Count: > 0 } addresses
            && !addresses.Any(address => BindingAddress.Parse(address).Port == port))
        {
            throw new ConfigurationException(
                $"{MetricsOptions.Section}:{nameof(MetricsOptions.Port)}", $"is {port}, and none of the addresses in Urls has that port ({string.Join(", ", addresses)}).");
        }

        return Task.CompletedTask;
    }

    public Task StartingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StoppingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StoppedAsync(CancellationToken cancellationToken) => Task.CompletedTask;
}
