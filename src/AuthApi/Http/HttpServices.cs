using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;
using Microsoft.AspNetCore.Mvc.Formatters;
using Microsoft.AspNetCore.Mvc.ModelBinding;
using Microsoft.AspNetCore.Mvc.ModelBinding.Metadata;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.Primitives;

namespace AuthApi.Http;

/// <summary>Registers what holds for every call: problems, strict JSON, small bodies.</summary>
public static class HttpServices
{
    /// <summary>The largest body that is read, in bytes.</summary>
    public const int LargestBody = 16 * 1024;

    /// <summary>The largest <c>Cookie</c> or <c>Authorization</c> header that is looked at, in bytes.</summary>
    public const int LargestCredential = 16 * 1024;

    public static IServiceCollection AddHttpConventions(this IServiceCollection services)
    {
        services.AddSingleton<IProblemDetailsWriter, ProblemWriter>();
        services.AddProblemDetails();
        services.AddExceptionHandler<BadRequestExceptionHandler>();
        services.AddExceptionHandler<ServerBusyException.Handler>();

        services.AddControllers(options =>
            {
                options.ModelMetadataDetailsProviders.Add(new SystemTextJsonValidationMetadataProvider());

                // No forms: nothing here reads one, and a broken one would be a 400 even where the body is ignored.
                options.ValueProviderFactories.RemoveType<FormValueProviderFactory>();
                options.ValueProviderFactories.RemoveType<FormFileValueProviderFactory>();
                options.ValueProviderFactories.RemoveType<JQueryFormValueProviderFactory>();

                // Not text/json as well: one way to say a thing.
                var json = options.InputFormatters.OfType<SystemTextJsonInputFormatter>().Single();
                json.SupportedMediaTypes.Clear();
                json.SupportedMediaTypes.Add("application/json");

                // JSON is UTF-8 (RFC 8259); UTF-16 cut in the middle of a character would be our mistake, a 500.
                json.SupportedEncodings.Clear();
                json.SupportedEncodings.Add(new UTF8Encoding(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true));
            })
            .ConfigureApiBehaviorOptions(options =>
            {
                options.InvalidModelStateResponseFactory = InvalidModelProblem.Create;

                // A bare status from a filter (415) gets its body from the status code pages, like any other.
                options.SuppressMapClientErrors = true;
            })
            .AddJsonOptions(options =>
            {
                // The parser's own words name our types.
                options.AllowInputFormatterExceptionMessages = false;
                options.JsonSerializerOptions.AllowDuplicateProperties = false;
                options.JsonSerializerOptions.NumberHandling = JsonNumberHandling.Strict;
                options.JsonSerializerOptions.MaxDepth = 8;
                options.JsonSerializerOptions.Converters.Add(new JsonStringEnumConverter(JsonNamingPolicy.CamelCase, allowIntegerValues: false));
            });

        services.AddRouting(options => options.LowercaseUrls = true);
        services.Configure<KestrelServerOptions>(options =>
        {
            options.AddServerHeader = false;
            options.Limits.MaxRequestBodySize = LargestBody;

            // Beyond this the server refuses by itself, without a body. Up to it, UseHeaderLimit says what is wrong.
            options.Limits.MaxRequestHeadersTotalSize = 128 * 1024;
        });
        return services;
    }

    /// <summary>Refuses a request whose <c>Cookie</c> or <c>Authorization</c> header is too large to be one of ours, with 431.</summary>
    public static IApplicationBuilder UseHeaderLimit(this IApplicationBuilder app) => app.Use(static (context, next) =>
        Length(context.Request.Headers.Cookie) > LargestCredential || Length(context.Request.Headers.Authorization) > LargestCredential
            ? ApiProblem.HeadersTooLarge.WriteAsync(context)
            : next(context));

    /// <summary>Gives every error a problem as its body: what a call threw, and what ended with a bare status.</summary>
    public static IApplicationBuilder UseProblems(this IApplicationBuilder app) => app.UseExceptionHandler().UseStatusCodePages();

    private static int Length(StringValues header)
    {
        var length = 0;
        foreach (var value in header)
        {
            length += value?.Length ?? 0;
        }

        return length;
    }
}
