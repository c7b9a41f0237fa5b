using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net;
using System.Text.Json.Nodes;
using AuthApi.Tests.Harness;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace AuthApi.Tests.Telemetry;

/// <summary>What a log line, and a problem, say of the request that they belong to.</summary>
[NonParallelizable]
internal sealed class RequestTraceTests
{
    private const string TraceId = "0af7651916cd43dd8448eb211c80319c";
    private const string SenderId = "b7ad6b7169203331";
    private const string Refused = "Requests from 127.0.0.1 are rejected";

    [Test]
    public async Task A_line_and_a_problem_have_the_callers_trace()
    {
        var log = new ScopedLog();
        await using var application = Limited(log);
        using var browser = application.NewBrowser();

        var (_, spanId) = await RefuseAsync(browser, $"00-{TraceId}-{SenderId}-01", TraceId, flags: "01");

        var line = log.Single(Refused);
        Assert.That(line.Fields["TraceId"], Is.EqualTo(TraceId));
        Assert.That(line.Fields["SpanId"], Is.EqualTo(spanId).And.Not.EqualTo(SenderId));
        Assert.That(line.Fields["ParentId"], Is.EqualTo(SenderId));
        Assert.That(line.Fields["RequestPath"], Is.EqualTo("/me/"));
        Assert.That(line.Text, Does.Contain($"TraceId:{TraceId}").And.Contain("RequestPath:/me/"));
        Assert.That(line.Span, Is.EqualTo((TraceId, spanId)));
    }

    [TestCase(null)]
    [TestCase("")]
    [TestCase("00-00000000000000000000000000000000-b7ad6b7169203331-01")]
    [TestCase("00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01")]
    [TestCase("a trace")]
    public async Task A_request_without_a_trace_gets_a_new_one(string? traceParent)
    {
        await using var application = Limited(new ScopedLog());
        using var browser = application.NewBrowser();

        var (first, _) = await RefuseAsync(browser, traceParent, traceId: null);
        var (second, _) = await RefuseAsync(browser, traceParent, traceId: null);

        Assert.That(first, Does.Match("^[0-9a-f]{32}$").And.Not.EqualTo(new string('0', 32)).And.Not.EqualTo(TraceId));
        Assert.That(second, Is.Not.EqualTo(first));
    }

    [Test]
    public async Task Where_logs_are_exported_a_line_has_a_span()
    {
        var log = new ScopedLog();
        await using var application = Limited(log, ("OTEL_EXPORTER_OTLP_LOGS_ENDPOINT", "http://127.0.0.1:1"));
        using var browser = application.NewBrowser();

        var (traceId, spanId) = await RefuseAsync(browser, traceParent: null, traceId: null);

        var line = log.Single(Refused);
        Assert.That(line.Span, Is.EqualTo((traceId, spanId)));
        Assert.That(line.Fields["TraceId"], Is.EqualTo(traceId));
    }

    [Test]
    public async Task Where_traces_are_exported_a_problem_names_the_span()
    {
        var log = new ScopedLog();
        await using var application = Limited(log, ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://127.0.0.1:1"));
        using var browser = application.NewBrowser();

        var (_, spanId) = await RefuseAsync(browser, $"00-{TraceId}-{SenderId}-01", TraceId, flags: "01");

        Assert.That(log.Single(Refused).Span, Is.EqualTo((TraceId, spanId)));
        Assert.That(log.Single(Refused).Fields["SpanId"], Is.EqualTo(spanId));
    }

    [TestCase("Logging:LogLevel:Microsoft.AspNetCore")]
    [TestCase("Logging:LogLevel:Microsoft.AspNetCore.Hosting.Diagnostics")]
    [TestCase("Logging:LogLevel:Microsoft.*.Diagnostics")]
    [TestCase("Logging:Scoped:LogLevel:Microsoft.AspNetCore")]
    public async Task The_host_logs_the_end_of_a_request_where_configured(string key)
    {
        var log = new ScopedLog();
        await using (var application = Limited(log, (key, "Information")))
        {
            using var browser = application.NewBrowser();
            await browser.MeAsync();
        }

        // It says so after the answer has left, and so certainly only by the time it has ended itself.
        Assert.That(log.Single("Request finished").Fields["RequestPath"], Is.EqualTo("/me/"));
    }

    [Test]
    public async Task A_line_outside_a_request_has_no_fields()
    {
        var log = new ScopedLog();
        await using var application = Limited(log);
        using var browser = application.NewBrowser();
        await browser.MeAsync();

        Assert.That(log.Single("Now listening on").Fields, Is.Empty);
    }

    private static AuthApiApplication Limited(ScopedLog log, params (string Key, string Value)[] more)
    {
        var settings = new Dictionary<string, string?> { ["RateLimiting:Enabled"] = "true", ["RateLimiting:RequestsPerMinute"] = "1" };
        foreach (var (key, value) in more)
        {
            settings[key] = value;
        }

        return new AuthApiApplication(services => services.AddSingleton<ILoggerProvider>(log), settings, kestrel: true);
    }

    // A refusal is both a problem and, the first time, a line.
    private static async Task<(string TraceId, string SpanId)> RefuseAsync(Browser browser, string? traceParent, string? traceId, string flags = "00")
    {
        await browser.MeAsync();
        using var response = await browser.SendAsync(HttpMethod.Get, "/me/", change: request =>
        {
            if (traceParent is not null)
            {
                request.Headers.TryAddWithoutValidation("traceparent", traceParent);
            }
        });
        Assert.That(response.StatusCode, Is.EqualTo(HttpStatusCode.TooManyRequests));
        var named = JsonNode.Parse(await response.Content.ReadAsStringAsync())!["traceId"]!.GetValue<string>();
        Assert.That(named, Does.Match($"^00-{traceId ?? "[0-9a-f]{32}"}-[0-9a-f]{{16}}-{flags}$"));
        return (named.Split('-')[1], named.Split('-')[2]);
    }

    private sealed record Line(string Message, string Text, IReadOnlyDictionary<string, object?> Fields, (string TraceId, string SpanId)? Span);

    [ProviderAlias("Scoped")]
    private sealed class ScopedLog : ILoggerProvider, ILogger, ISupportExternalScope
    {
        private readonly ConcurrentQueue<Line> _lines = [];
        private IExternalScopeProvider _scopes = new LoggerExternalScopeProvider();

        public Line Single(string start) => _lines.Single(line => line.Message.StartsWith(start, StringComparison.Ordinal));

        public void SetScopeProvider(IExternalScopeProvider scopeProvider) => _scopes = scopeProvider;

        public ILogger CreateLogger(string categoryName) => this;

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => _scopes.Push(state);

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            var (fields, text) = (new Dictionary<string, object?>(StringComparer.Ordinal), "");
            _scopes.ForEachScope<object?>(
                (scope, _) =>
                {
                    text += scope;
                    foreach (var (name, value) in (IReadOnlyList<KeyValuePair<string, object?>>)scope!)
                    {
                        fields[name] = value;
                    }
                },
                null);
            _lines.Enqueue(new Line(
                formatter(state, exception), text, fields, Activity.Current is { } span ? (span.TraceId.ToString(), span.SpanId.ToString()) : null));
        }

        public void Dispose()
        {
        }
    }
}
