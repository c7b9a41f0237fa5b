using System.Text.Json.Serialization;
using AuthApi.Api;

namespace AuthApi.Administration;

/// <summary>Registers what administrators do.</summary>
public static partial class AdministrationServices
{
    public static IServiceCollection AddAdministration(this IServiceCollection services)
    {
        services.AddScoped<AccountAdministration>();
        services.AddScoped<UserList>();
        services.AddSingleton<SessionAdministration>();
        services.AddGeneratedJson(AdministrationJson.Default);
        return services;
    }

    [JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase)]
    [JsonSerializable(typeof(UsersResponse))]
    [JsonSerializable(typeof(UserDetailResponse))]
    [JsonSerializable(typeof(EndedSessionsResponse))]
    [JsonSerializable(typeof(EverybodysSessionsResponse))]
    private sealed partial class AdministrationJson : JsonSerializerContext;
}
