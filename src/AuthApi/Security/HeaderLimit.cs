using System.Globalization;
using AuthApi.Api;
using AuthApi.Sessions;
using Microsoft.Extensions.Primitives;
using Microsoft.Net.Http.Headers;

namespace AuthApi.Security;

/// <summary>Limits the size of the headers that hold a session's token.</summary>
internal static partial class HeaderLimit
{
    /// <summary>The largest <c>Cookie</c> or <c>Authorization</c> header that is read, in bytes.</summary>
    private const int MaxCredential = 16 * 1024;

    private static readonly string[] Limited = [HeaderNames.Cookie, HeaderNames.Authorization];

    /// <summary>Refuses a request whose <c>Cookie</c> or <c>Authorization</c> header is too large to hold a session, with 431 <c>headers_too_large</c>.</summary>
    public static IApplicationBuilder UseHeaderLimit(this WebApplication app)
    {
        var logger = app.Services.GetRequiredService<ILoggerFactory>().CreateLogger(typeof(HeaderLimit).FullName!);
        var throttle = new LogThrottle(app.Services.GetRequiredService<TimeProvider>());
        return app.Use((context, next) =>
        {
            var headers = context.Request.Headers;
            if (Length(headers.Cookie) <= MaxCredential && Length(headers.Authorization) <= MaxCredential)
            {
                return next(context);
            }

            var name = Limited.First(name => Length(headers[name]) > MaxCredential);
            var length = Length(headers[name]);
            if (throttle.IsDue())
            {
                Log.Refused(logger, ClientInfo.Of(context).IpAddress, name, length, MaxCredential);
            }

            return (ApiProblem.HeadersTooLarge with
            {
                Detail = string.Create(CultureInfo.InvariantCulture, $"{name} has {length:N0} bytes, and at most {MaxCredential:N0} are read."),
            }).WriteAsync(context);
        });
    }

    private static int Length(StringValues header)
    {
        var length = 0;
        foreach (var value in header)
        {
            length += value?.Length ?? 0;
        }

        return length;
    }

    private static partial class Log
    {
        [LoggerMessage(1, LogLevel.Warning, "A request from {IpAddress} was refused: its header {Header} has {Length} bytes, more than {Max}. Logged at most once a minute.")]
        public static partial void Refused(ILogger logger, string? ipAddress, string header, int length, int max);
    }
}
