using System.Text.Json.Serialization;
using AuthApi.Api;

namespace AuthApi.TwoFactor;

/// <summary>Registers the calls of authenticator apps and recovery codes.</summary>
public static partial class TwoFactorServices
{
    public static IServiceCollection AddTwoFactor(this IServiceCollection services) => services.AddGeneratedJson(TwoFactorJson.Default);

    [JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase)]
    [JsonSerializable(typeof(TwoFactorResponse))]
    [JsonSerializable(typeof(TwoFactorSetupResponse))]
    [JsonSerializable(typeof(RecoveryCodesResponse))]
    private sealed partial class TwoFactorJson : JsonSerializerContext;
}
