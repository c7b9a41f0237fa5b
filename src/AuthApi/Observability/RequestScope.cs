using System.Collections;
using System.Globalization;
using AuthApi.Http;
using Microsoft.AspNetCore.Mvc.Abstractions;

namespace AuthApi.Observability;

/// <summary>
/// What a log line says of the request that it belongs to, read from the request when there is a line. By default the host and MVC each note it
/// for every request, in case there will be one, and give each a span; that is a tenth of a signed-in request.
/// </summary>
internal sealed class RequestScope(IHttpContextAccessor request) : IExternalScopeProvider
{
    private const string Hosting = "Microsoft.AspNetCore.Hosting.Diagnostics";

    /// <summary>Has it stand in for what <c>BeginScope</c> keeps, which then keeps nothing.</summary>
    /// <param name="services">The services.</param>
    /// <param name="areLogsSent">Whether OpenTelemetry sends the log lines. It takes their trace from the span alone.</param>
    public static void AddTo(IServiceCollection services, bool areLogsSent)
    {
        services.AddHttpContextAccessor();
        services.AddSingleton<IExternalScopeProvider, RequestScope>();
        services.PostConfigure<LoggerFilterOptions>(options =>
        {
            options.CaptureScopes = false;
            if (!areLogsSent && !LogsRequests(options))
            {
                options.Rules.Add(new LoggerFilterRule(providerName: null, Hosting, LogLevel.None, filter: null));
            }
        });
    }

    public void ForEachScope<TState>(Action<object?, TState> callback, TState state)
    {
        if (request.HttpContext is { } context)
        {
            callback(new Fields(context), state);
        }
    }

    public IDisposable Push(object? state) => Nothing.Instance;

    // The host says at Information that a request begins and ends. It makes a span for each as soon as it might log anything at all.
    private static bool LogsRequests(LoggerFilterOptions options) => options.Rules
        .Where(rule => rule.CategoryName is not { } category || Hosting.StartsWith(category, StringComparison.OrdinalIgnoreCase))
        .GroupBy(rule => rule.ProviderName)
        .Any(rules => (rules.MaxBy(rule => rule.CategoryName?.Length ?? 0)!.LogLevel ?? options.MinLevel) <= LogLevel.Information);

    private sealed class Fields(HttpContext context) : IReadOnlyList<KeyValuePair<string, object?>>
    {
        private readonly KeyValuePair<string, object?>[] _fields = Of(context);

        public int Count => _fields.Length;

        public KeyValuePair<string, object?> this[int index] => _fields[index];

        public IEnumerator<KeyValuePair<string, object?>> GetEnumerator() => _fields.AsEnumerable().GetEnumerator();

        IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

        public override string ToString() => string.Join(
            ", ", _fields.Select(field => string.Create(CultureInfo.InvariantCulture, $"{field.Key}:{field.Value}")));

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
