using System.Text.Json.Serialization;
using Microsoft.AspNetCore.Mvc;

namespace AuthApi.Api;

/// <summary>Adds to MVC's JSON options the code that the compiler generates for the answers of a room.</summary>
internal static class GeneratedJson
{
    public static IServiceCollection AddGeneratedJson(this IServiceCollection services, JsonSerializerContext context) =>
        services.Configure<JsonOptions>(options => options.JsonSerializerOptions.TypeInfoResolverChain.Insert(0, context));
}
