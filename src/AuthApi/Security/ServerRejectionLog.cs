using System.Diagnostics;
using System.Diagnostics.Metrics;
using AuthApi.Sessions;
using Microsoft.AspNetCore.Http.Features;

namespace AuthApi.Security;

/// <summary>
/// Logs what the server itself rejects before any middleware runs: requests, whose answer is empty, and connections beyond the limit. The server
/// reports the former to its diagnostic source and counts the latter, where its log would have a line for each.
/// </summary>
/// <remarks>
/// It is the server's diagnostic source and passes on what it gets. As a subscriber of ASP.NET Core's diagnostic listener, even of this one event, it
/// would have hosting, routing and MVC ask it a dozen times in each request, and MVC take its slower way.
/// </remarks>
internal sealed partial class ServerRejectionLog(DiagnosticListener diagnostics, IMeterFactory meters, TimeProvider time, ILogger<ServerRejectionLog> logger)
    : DiagnosticSource, IHostedService, IDisposable
{
    private const string RejectedConnections = "kestrel.rejected_connections";
    private const string BadRequest = "Microsoft.AspNetCore.Server.Kestrel.BadRequest";

    // Of their own, or a port scanner's requests would hide the one line that an operator needs.
    private readonly LogThrottle _withoutLength = new(time);
    private readonly LogThrottle _others = new(time);
    private readonly LogThrottle _connections = new(time);
    private readonly MeterListener _listener = new();

    public override bool IsEnabled(string name) => name == BadRequest || diagnostics.IsEnabled(name);

    public override bool IsEnabled(string name, object? arg1, object? arg2 = null) => name == BadRequest || diagnostics.IsEnabled(name, arg1, arg2);

    public override void Write(string name, object? value)
    {
        if (name == BadRequest)
        {
            LogRejected(value);
        }

        if (diagnostics.IsEnabled(name))
        {
            diagnostics.Write(name, value);
        }
    }

    public Task StartAsync(CancellationToken cancellationToken)
    {
        _listener.InstrumentPublished = (instrument, listener) =>
        {
            if (instrument.Name == RejectedConnections && instrument.Meter.Scope == meters)
            {
                listener.EnableMeasurementEvents(instrument);
            }
        };
        _listener.SetMeasurementEventCallback<long>((_, _, _, _) =>
        {
            if (_connections.IsDue(out var suppressed))
            {
                Log.ConnectionRejected(logger, suppressed);
            }
        });
        _listener.Start();
        return Task.CompletedTask;
    }

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public void Dispose() => _listener.Dispose();

    private void LogRejected(object? value)
    {
        if (value is not IFeatureCollection features || features.Get<IBadRequestExceptionFeature>()?.Error is not { } error)
        {
            return;
        }

        var address = features.Get<IHttpConnectionFeature>()?.RemoteIpAddress?.ToString();
        if (IsHttp10WithoutLength(features.Get<IHttpRequestFeature>()))
        {
            if (_withoutLength.IsDue())
            {
                Log.WithoutLength(logger, address);
            }
        }
        else if (_others.IsDue())
        {
            // Behind the colon the server quotes the request, which may be a token.
            var reason = error.Message.Split(':')[0];
            Log.Rejected(logger, address, (error as BadHttpRequestException)?.StatusCode ?? StatusCodes.Status400BadRequest, ShownValue.Of(reason));
        }
    }

    private static bool IsHttp10WithoutLength(IHttpRequestFeature? request) =>
        request is not null
        && HttpProtocol.IsHttp10(request.Protocol)
        && (HttpMethods.IsPost(request.Method) || HttpMethods.IsPut(request.Method))
        && request.Headers.ContentLength is null
        && request.Headers.TransferEncoding.Count == 0;

    private static partial class Log
    {
        [LoggerMessage(3, LogLevel.Warning, "The server rejected a connection: as many are open as Kestrel:Limits:MaxConcurrentConnections allows. This is logged once a minute; {Suppressed} more since the last time.")]
        public static partial void ConnectionRejected(ILogger logger, long suppressed);

        [LoggerMessage(1, LogLevel.Warning, "The server rejected an HTTP/1.0 POST or PUT without Content-Length from {IpAddress} with 400. A proxy that speaks HTTP/1.0, as nginx by default, needs 'proxy_http_version 1.1' (deploy/nginx.conf); a client can send 'Content-Length: 0'. Logged at most once a minute.")]
        public static partial void WithoutLength(ILogger logger, string? ipAddress);

        [LoggerMessage(2, LogLevel.Warning, "The server rejected a request from {IpAddress} with {Status}: {Reason}. The answer is empty. Logged at most once a minute.")]
        public static partial void Rejected(ILogger logger, string? ipAddress, int status, string reason);
    }
}
