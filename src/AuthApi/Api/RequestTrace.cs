using System.Diagnostics;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Net.Http.Headers;

namespace AuthApi.Api;

/// <summary>
/// What one request is called, in its problem and in its log lines: the trace that whoever sent it named in <c>traceparent</c>, or else a new one
/// (W3C Trace Context). Where traces are sent it is that of the request's span; otherwise it is made when it is first asked for, as most
/// requests end well and say nothing.
/// </summary>
/// <param name="TraceId">32 hexadecimal digits, the same for all that one call of a user led to.</param>
/// <param name="SpanId">16 hexadecimal digits, this request's own.</param>
/// <param name="ParentId">The sender's own 16, or as many zeros.</param>
/// <param name="Flags">Whether it is recorded.</param>
internal sealed record RequestTrace(ActivityTraceId TraceId, ActivitySpanId SpanId, ActivitySpanId ParentId, ActivityTraceFlags Flags)
{
    public static RequestTrace Of(HttpContext context)
    {
        if (context.Features.Get<RequestTrace>() is { } known)
        {
            return known;
        }

        var trace = context.Features.Get<IHttpActivityFeature>()?.Activity is { IdFormat: ActivityIdFormat.W3C } span
            ? new RequestTrace(span.TraceId, span.SpanId, span.ParentSpanId, span.ActivityTraceFlags)
            : New(context.Request.Headers[HeaderNames.TraceParent]);
        context.Features.Set(trace);
        return trace;
    }

    /// <summary>As <c>traceparent</c> has it.</summary>
    public override string ToString() => $"00-{TraceId}-{SpanId}-{(byte)Flags:x2}";

    // Nothing here is recorded, whatever the sender does.
    private static RequestTrace New(string? traceParent) => ActivityContext.TryParse(traceParent, traceState: null, out var parent)
        ? new RequestTrace(parent.TraceId, ActivitySpanId.CreateRandom(), parent.SpanId, ActivityTraceFlags.None)
        : new RequestTrace(ActivityTraceId.CreateRandom(), ActivitySpanId.CreateRandom(), default, ActivityTraceFlags.None);
}
