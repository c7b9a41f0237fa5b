using AuthApi.Api;
using AuthApi.Sessions;
using Microsoft.Net.Http.Headers;

namespace AuthApi.Security;

/// <summary>
/// Refuses, with 400 <c>bad_request</c>, a request whose body could end in two places for two readers. A proxy that reads it in another way than
/// the server would take part of this body for another client's next request (RFC 9112, 6.1 and 11.2; ASVS 4.2.1).
/// </summary>
internal static partial class MessageFraming
{
    // Headers of one HTTP/1.1 connection, which HTTP/2 and HTTP/3 do not have (RFC 9113, 8.2.2; RFC 9114, 4.2). The server itself refuses Connection and TE.
    private static readonly string[] OfOneConnection = [HeaderNames.TransferEncoding, HeaderNames.KeepAlive, HeaderNames.ProxyConnection, HeaderNames.Upgrade];

    public static IApplicationBuilder UseMessageFraming(this WebApplication app)
    {
        var logger = app.Services.GetRequiredService<ILoggerFactory>().CreateLogger(typeof(MessageFraming).FullName!);
        var throttle = new LogThrottle(app.Services.GetRequiredService<TimeProvider>());
        return app.Use((context, next) =>
        {
            if (WhyRefused(context.Request) is not { } reason)
            {
                return next(context);
            }

            if (throttle.IsDue())
            {
                Log.Refused(logger, ClientInfo.Of(context).IpAddress, reason);
            }

            if (!IsHttp2OrLater(context.Request))
            {
                context.Response.Headers.Connection = "close";
            }

            return (ApiProblem.BadRequest with { Detail = reason }).WriteAsync(context);
        });
    }

    private static string? WhyRefused(HttpRequest request)
    {
        var headers = request.Headers;
        if (IsHttp2OrLater(request))
        {
            return Array.Find(OfOneConnection, headers.ContainsKey) is { } name ? $"{name} does not exist in {request.Protocol}." : null;
        }

        if (headers.TransferEncoding.Count == 0)
        {
            return null;
        }

        // The server has taken a Content-Length beside it away, and left its value under this name.
        if (headers.ContainsKey("X-Content-Length") || headers.ContentLength is not null)
        {
            return "Transfer-Encoding and Content-Length are both present.";
        }

        if (HttpProtocol.IsHttp10(request.Protocol))
        {
            return "Transfer-Encoding does not exist in HTTP/1.0.";
        }

        return string.Equals(headers.TransferEncoding, "chunked", StringComparison.OrdinalIgnoreCase)
            ? null
            : $"Transfer-Encoding '{ShownValue.Of(headers.TransferEncoding)}' is not served, only 'chunked'.";
    }

    private static bool IsHttp2OrLater(HttpRequest request) => HttpProtocol.IsHttp2(request.Protocol) || HttpProtocol.IsHttp3(request.Protocol);

    private static partial class Log
    {
        [LoggerMessage(1, LogLevel.Warning, "A request from {IpAddress} was refused: {Reason} Logged at most once a minute.")]
        public static partial void Refused(ILogger logger, string? ipAddress, string reason);
    }
}
