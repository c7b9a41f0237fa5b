namespace AuthApi.Commands;

/// <summary>Registers how commands reach the database: by the running server that has it, or by themselves.</summary>
public static class CommandsServices
{
    public static IServiceCollection AddCommands(this IServiceCollection services)
    {
        services.AddSingleton<CommandStore>();
        services.AddSingleton<ControlClient>();
        services.AddHostedService<ControlSocket>();
        return services;
    }
}
