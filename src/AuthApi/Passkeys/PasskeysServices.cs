using System.Text.Json.Serialization;
using AuthApi.Api;

namespace AuthApi.Passkeys;

/// <summary>Registers the calls of passkeys.</summary>
public static partial class PasskeysServices
{
    public static IServiceCollection AddPasskeys(this IServiceCollection services) => services.AddGeneratedJson(PasskeysJson.Default);

    [JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase)]
    [JsonSerializable(typeof(PasskeysResponse))]
    [JsonSerializable(typeof(AddedPasskeyResponse))]
    [JsonSerializable(typeof(RemovedPasskeysResponse))]
    private sealed partial class PasskeysJson : JsonSerializerContext;
}
