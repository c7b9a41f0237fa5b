using System.Text.Json.Serialization;
using AuthApi.Api;
using AuthApi.Startup;

namespace AuthApi.Administration;

/// <summary>Registers what administrators do, by the API and by commands.</summary>
public static partial class AdministrationServices
{
    public static IServiceCollection AddAdministration(this IServiceCollection services)
    {
        services.AddSingleton<AdministrationMetrics>();
        services.AddScoped<AdministrationLog>();
        services.AddScoped<AccountAdministration>();
        services.AddScoped<UserList>();
        services.AddScoped<AuditList>();
        services.AddSingleton<SettledEvents>();
        services.AddSingleton<SessionAdministration>();
        services.AddSingleton<IServerCommands, ControlClient>();
        services.AddHostedService<ControlSocket>();
        services.AddSingleton<BoundedEvents>();
        services.AddHostedService(provider => provider.GetRequiredService<BoundedEvents>());
        services.AddGeneratedJson(AdministrationJson.Default);
        return services;
    }

    [JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase)]
    [JsonSerializable(typeof(UsersResponse))]
    [JsonSerializable(typeof(UserDetailResponse))]
    [JsonSerializable(typeof(EndedSessionsResponse))]
    [JsonSerializable(typeof(EverybodysSessionsResponse))]
    [JsonSerializable(typeof(AuditResponse))]
    private sealed partial class AdministrationJson : JsonSerializerContext;
}
