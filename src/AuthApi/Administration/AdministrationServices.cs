using System.Text.Json.Serialization;
using AuthApi.Api;
using AuthApi.Startup;

namespace AuthApi.Administration;

/// <summary>Registers what administrators do, by the API and by commands.</summary>
public static partial class AdministrationServices
{
    public static IServiceCollection AddAdministration(this IServiceCollection services)
    {
        services.AddScoped<AccountAdministration>();
        services.AddScoped<UserList>();
        services.AddSingleton<SessionAdministration>();
        services.AddSingleton<IServerCommands, ControlClient>();
        services.AddHostedService<ControlSocket>();
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
