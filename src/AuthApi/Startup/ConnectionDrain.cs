using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Mvc;
using Microsoft.AspNetCore.Mvc.Filters;
using Microsoft.AspNetCore.Server.Kestrel.Core;

namespace AuthApi.Startup;

/// <summary>
/// Aborts, when the program ends, the connections on which no action runs. A client that sends half of a request would otherwise hold the
/// shutdown for all of its time (<see cref="HostOptions.ShutdownTimeout"/>), in which actions may end.
/// </summary>
internal static class ConnectionDrain
{
    // A connection is aborted when no action ran on it at two looks, so that an answer has left by then.
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(1);

    public static IServiceCollection AddConnectionDrain(this IServiceCollection services)
    {
        services.AddOptions<KestrelServerOptions>().Configure<IHostApplicationLifetime>((options, lifetime) =>
            options.ConfigureEndpointDefaults(endpoint => endpoint.Use(next => async connection =>
            {
                var actions = new RunningActions();
                connection.Features.Set(actions);
                await using var stopping = lifetime.ApplicationStopping.Register(() => _ = AbortAsync(connection, actions));
                await next(connection);
            })));
        services.Configure<MvcOptions>(options => options.Filters.Add(new CountActions()));
        return services;
    }

    private static async Task AbortAsync(ConnectionContext connection, RunningActions actions)
    {
        using var timer = new PeriodicTimer(Interval);
        var wasIdle = false;
        while (await timer.WaitForNextTickAsync(CancellationToken.None) && !connection.ConnectionClosed.IsCancellationRequested)
        {
            var isIdle = actions.Count == 0;
            if (isIdle && wasIdle)
            {
                connection.Abort(new ConnectionAbortedException("The program ends, and no action runs on this connection."));
                return;
            }

            wasIdle = isIdle;
        }
    }

    /// <summary>How many actions run on a connection: a connection of HTTP/2 carries several requests.</summary>
    private sealed class RunningActions
    {
        private int _count;

        public int Count => Volatile.Read(ref _count);

        public void Begin() => Interlocked.Increment(ref _count);

        public void End() => Interlocked.Decrement(ref _count);
    }

    // An action runs once its request has been read.
    private sealed class CountActions : IActionFilter
    {
        // The features of a request include those of its connection.
        public void OnActionExecuting(ActionExecutingContext context)
        {
            if (context.HttpContext.Features.Get<RunningActions>() is { } actions)
            {
                actions.Begin();
                context.HttpContext.Response.OnCompleted(
                    static state =>
                    {
                        ((RunningActions)state).End();
                        return Task.CompletedTask;
                    },
                    actions);
            }
        }

        public void OnActionExecuted(ActionExecutedContext context)
        {
        }
    }
}
