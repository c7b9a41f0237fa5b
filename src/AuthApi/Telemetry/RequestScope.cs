using System.Collections.ObjectModel;
using System.Globalization;
using AuthApi.Api;
using Microsoft.AspNetCore.Mvc.Abstractions;

namespace AuthApi.Telemetry;

/// <summary>
/// What a log line says of the request that it belongs to, read from the request when there is a line. By default the host and MVC each note it
/// for every request, in case there will be one, and the host gives each a span; that is a tenth of a signed-in request. Work that a request
/// leaves behind belongs to none: it has to be started without the request's execution context.
/// </summary>
internal sealed class RequestScope(IHttpContextAccessor request) : IExternalScopeProvider
{
    public void ForEachScope<TState>(Action<object?, TState> callback, TState state)
    {
        if (request.HttpContext is { } context)
        {
            callback(new Fields(context), state);
        }
    }

    public IDisposable Push(object? state) => Nothing.Instance;

    private sealed class Fields(HttpContext context) : ReadOnlyCollection<KeyValuePair<string, object?>>(Of(context))
    {
        public override string ToString() => string.Join(
            ", ", Items.Select(field => string.Create(CultureInfo.InvariantCulture, $"{field.Key}:{field.Value}")));

        private static KeyValuePair<string, object?>[] Of(HttpContext context)
        {
            var trace = RequestTrace.Of(context);
            return
            [
                new("TraceId", trace.TraceId.ToString()),
                new("SpanId", trace.SpanId.ToString()),
                new("ParentId", trace.ParentId.ToString()),
                new("ConnectionId", context.Connection.Id),
                new("RequestId", context.TraceIdentifier),
                new("RequestPath", context.Request.Path.ToString()),
                new("ActionName", context.GetEndpoint()?.Metadata.GetMetadata<ActionDescriptor>()?.DisplayName),
            ];
        }
    }

    private sealed class Nothing : IDisposable
    {
        public static readonly Nothing Instance = new();

        public void Dispose()
        {
        }
    }
}
