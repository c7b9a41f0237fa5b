namespace AuthApi.Commands;

/// <summary>Registers how commands reach the database: by the running server that has it, or by themselves.</summary>
public static class CommandsServices
{
    public static IServiceCollection AddCommands(this IServiceCollection services)
    {
        services.AddSingleton<ICommandStore, CommandStore>();
        services.AddSingleton<IServerCommands, ControlClient>();
        services.AddHostedService<ControlSocket>();
        return services;
    }
}
