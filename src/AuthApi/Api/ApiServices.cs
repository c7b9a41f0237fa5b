using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Mvc;
using Microsoft.AspNetCore.Mvc.Formatters;
using Microsoft.AspNetCore.Mvc.ModelBinding;
using Microsoft.AspNetCore.Mvc.ModelBinding.Metadata;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.Options;

namespace AuthApi.Api;

/// <summary>Registers what holds for every call: problems, strict JSON, small bodies.</summary>
public static class ApiServices
{
    // With a replacement character where bytes are not UTF-8.
    private static readonly UTF8Encoding ShownText = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: false);

    public static IServiceCollection AddApi(this IServiceCollection services)
    {
        services.AddSingleton<IProblemDetailsWriter, ProblemWriter>();
        services.AddProblemDetails();
        services.AddExceptionHandler<BadRequestExceptionHandler>();
        services.AddExceptionHandler<ServerBusyException.Handler>();

        // Before the sessions', which leave to it what is not theirs.
        services.AddSingleton<IAuthorizationMiddlewareResultHandler, ProblemReason.ResultHandler>();

        services.AddControllers(options =>
            {
                options.Conventions.Add(new HeadConvention());
                options.Filters.Add(new SingleQueryValues());
                options.ModelBinderProviders.Insert(0, new StrictValues());
                options.ModelMetadataDetailsProviders.Add(new SystemTextJsonValidationMetadataProvider());

                // No forms: nothing here reads one, and a broken one would be a 400 even where the body is ignored.
                options.ValueProviderFactories.RemoveType<FormValueProviderFactory>();
                options.ValueProviderFactories.RemoveType<FormFileValueProviderFactory>();
                options.ValueProviderFactories.RemoveType<JQueryFormValueProviderFactory>();

                // Nor a[b] for a.b in a query: one way to say a thing, and no call has values within values.
                options.ValueProviderFactories.RemoveType<JQueryQueryStringValueProviderFactory>();

                options.ModelBindingMessageProvider.SetAttemptedValueIsInvalidAccessor((_, _) => InvalidModelProblem.NotConvertible);
                options.ModelBindingMessageProvider.SetNonPropertyAttemptedValueIsInvalidAccessor(_ => InvalidModelProblem.NotConvertible);
                options.ModelBindingMessageProvider.SetValueMustNotBeNullAccessor(_ => InvalidModelProblem.NotConvertible);

                // A login that lacks everything says so of each field.
                options.ValidateComplexTypesIfChildValidationFails = true;

                // Not UTF-16 either where Accept-Charset asks for it, which a server may ignore (RFC 9110, 12.5.2).
                var answers = options.OutputFormatters.OfType<SystemTextJsonOutputFormatter>().Single();
                answers.SupportedEncodings.Clear();
                answers.SupportedEncodings.Add(new UTF8Encoding(encoderShouldEmitUTF8Identifier: false));
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
                options.JsonSerializerOptions.Converters.Add(new EnumNameConverter(JsonNamingPolicy.CamelCase));
                options.JsonSerializerOptions.Converters.Add(new UtcTimeConverter());
            });
        services.AddOptions<MvcOptions>().Configure<IOptions<JsonOptions>, ILogger<SystemTextJsonInputFormatter>>((options, json, logger) =>
        {
            options.InputFormatters.Clear();
            options.InputFormatters.Add(new JsonInputFormatter(json.Value, logger));
        });

        // For what is written without MVC.
        services.ConfigureHttpJsonOptions(options =>
        {
            options.SerializerOptions.Converters.Add(new UtcTimeConverter());
            options.SerializerOptions.TypeInfoResolverChain.Insert(0, ProblemJson.Default);
        });

        services.AddRouting(options => options.LowercaseUrls = true);

        // Bytes above ASCII in a header are opaque (RFC 9110, 5.5); by default one of them is a 400 before any call. A user agent is shown to people.
        services.Configure<KestrelServerOptions>(options =>
            options.RequestHeaderEncodingSelector = static name => name switch
            {
                // The server closes without an answer where it reads a number of more than 20 digits by another encoding than its own.
                "Content-Length" => null,
                "User-Agent" => ShownText,
                _ => Encoding.Latin1,
            });
        return services;
    }

    /// <summary>Gives every error a problem as its body: what a call threw, and what ended with a bare status.</summary>
    public static IApplicationBuilder UseProblems(this IApplicationBuilder app) => app.UseExceptionHandler().UseStatusCodePages();
}
