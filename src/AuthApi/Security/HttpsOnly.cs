using AuthApi.Hosting;
using AuthApi.Http;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.Extensions.Options;

namespace AuthApi.Security;

internal static class HttpsOnly
{
    public static void AddHttpsOnly(this IServiceCollection services) => services.AddHostedService<AddressCheck>();

    /// <summary>
    /// Refuses plain HTTP with 400 <c>https_required</c>, except in Development. It does not redirect: the client has already
    /// sent its token in clear, and must notice (ASVS 4.1.2).
    /// </summary>
    public static IApplicationBuilder UseHttpsOnly(this WebApplication app) => app.Environment.IsDevelopment()
        ? app
        : app.Use(static (context, next) => context.Request.IsHttps ? next(context) : ApiProblem.HttpsRequired.WriteAsync(context));

    // Where nobody could reach it over HTTPS, every answer would be a refusal: better not to start.
    private sealed class AddressCheck(IServer server, IHostEnvironment environment, IOptions<KnownProxiesOptions> proxies) : IHostedLifecycleService
    {
        // The addresses are known once the server listens.
        public Task StartedAsync(CancellationToken cancellationToken)
        {
            var addresses = server.Features.Get<IServerAddressesFeature>()?.Addresses ?? [];
            return environment.IsDevelopment()
                || proxies.Value.KnownProxies.Count > 0
                || addresses.Count == 0
                || addresses.Any(address => address.StartsWith("https:", StringComparison.OrdinalIgnoreCase))
                ? Task.CompletedTask
                : throw new ConfigurationException(
                    "Urls",
                    $"has no https:// address ({string.Join(", ", addresses)}), and {KnownProxiesOptions.Section}:{nameof(KnownProxiesOptions.KnownProxies)} names no proxy that does the TLS. Plain HTTP is served in Development only (ASPNETCORE_ENVIRONMENT).");
        }

        public Task StartingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public Task StoppingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public Task StoppedAsync(CancellationToken cancellationToken) => Task.CompletedTask;
    }
}
