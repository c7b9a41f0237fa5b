using System.Collections.Concurrent;
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;
using Microsoft.AspNetCore.Mvc;
using Microsoft.AspNetCore.Mvc.Infrastructure;
using Microsoft.Extensions.Options;

namespace AuthApi.Api;

/// <summary>
/// Has what actions answer written by the code that the compiler generates for it. There is one format, so nothing is negotiated
/// (RFC 9110, 12.1 allows that). Each room adds the types of its own answers.
/// </summary>
internal static class GeneratedJson
{
    /// <summary>Adds the answers that <paramref name="context"/> was generated for.</summary>
    public static IServiceCollection AddGeneratedJson(this IServiceCollection services, JsonSerializerContext context) => services.AddSingleton(context);

    /// <summary>The answer of an action; one that nothing was generated for is left to the framework.</summary>
    internal sealed class Executor(
        IEnumerable<JsonSerializerContext> contexts,
        OutputFormatterSelector formatters,
        IHttpResponseStreamWriterFactory writers,
        ILoggerFactory loggers,
        IOptions<MvcOptions> options)
        : ObjectResultExecutor(formatters, writers, loggers, options)
    {
        private readonly ConcurrentDictionary<Type, JsonTypeInfo?> _types = new();

        public override Task ExecuteAsync(ActionContext context, ObjectResult result)
        {
            if (result.Value is not { } value || TypeOf(value) is not { } type)
            {
                return base.ExecuteAsync(context, result);
            }

            result.OnFormatting(context);
            return context.HttpContext.Response.WriteJsonAsync(value, type, "application/json; charset=utf-8");
        }

        private JsonTypeInfo? TypeOf(object value) => _types.GetOrAdd(
            value.GetType(), static (type, contexts) => contexts.Select(context => context.GetTypeInfo(type)).FirstOrDefault(info => info is not null), contexts);
    }
}
