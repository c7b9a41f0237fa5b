using System.Collections.Concurrent;
using System.Threading.Channels;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;

namespace AuthApi.Tests.Harness;

/// <summary>A request as the server got it, and the status that it was answered.</summary>
internal sealed record Arrival(string Method, string Address, string Cookie, string? Origin, string? Site, int Status);

/// <summary>Notes every request before anything of the program sees it; to be registered as a service.</summary>
internal sealed class Arrivals : IStartupFilter
{
    private readonly ConcurrentQueue<Arrival> _all = new();
    private readonly Channel<Arrival> _new = Channel.CreateUnbounded<Arrival>();

    /// <summary>Raised for each request when it is answered.</summary>
    public event Action<Arrival>? Noted;

    public IReadOnlyCollection<Arrival> All => _all;

    /// <summary>Waits for such a request, and passes by what came before it.</summary>
    public async Task<Arrival> NextAsync(string method, string address)
    {
        using var timeout = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        while (true)
        {
            var arrival = await _new.Reader.ReadAsync(timeout.Token);
            if (arrival.Method == method && arrival.Address == address)
            {
                return arrival;
            }
        }
    }

    public Action<IApplicationBuilder> Configure(Action<IApplicationBuilder> next) => application =>
    {
        application.Use(async (context, rest) =>
        {
            await rest(context);
            var request = context.Request;
            var arrival = new Arrival(
                request.Method,
                request.Path + request.QueryString.Value,
                request.Headers.Cookie.ToString(),
                request.Headers.Origin,
                request.Headers["Sec-Fetch-Site"],
                context.Response.StatusCode);
            _all.Enqueue(arrival);
            _new.Writer.TryWrite(arrival);
            Noted?.Invoke(arrival);
        });
        next(application);
    };
}
