using System.Text.Json.Serialization;
using AuthApi.Api;
using AuthApi.Identity;
using AuthApi.Storage;

namespace AuthApi.Accounts;

/// <summary>Registers what the calls of accounts need beside Identity: the requests for codes, and the JSON of the answers.</summary>
public static partial class AccountsServices
{
    public static IServiceCollection AddAccounts(this IServiceCollection services)
    {
        services.AddSingleton<AddedRows<CodeRequest>>();
        services.ConfigureDbContext<AuthDbContext>((provider, options) => options.AddInterceptors(provider.GetRequiredService<AddedRows<CodeRequest>>()));
        services.AddHostedService<CodeRequestWorker>();

        services.AddGeneratedJson(AccountsJson.Default);
        return services;
    }

    [JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase)]
    [JsonSerializable(typeof(AcceptedResponse))]
    [JsonSerializable(typeof(ExportResponse))]
    [JsonSerializable(typeof(MeResponse))]
    [JsonSerializable(typeof(LoginResponse))]
    [JsonSerializable(typeof(LogoutResponse))]
    [JsonSerializable(typeof(ReauthenticateResponse))]
    [JsonSerializable(typeof(UserResponse))]
    private sealed partial class AccountsJson : JsonSerializerContext;
}
