using AuthApi.Sessions.PostgreSql;
using AuthApi.Sessions.Sqlite;
using AuthApi.Startup;
using AuthApi.Storage;

namespace AuthApi.Commands;

/// <summary>Opens the store of sessions for a command: what of the libraries' background work writes and reads it, and nothing that cleans up or serves.</summary>
internal sealed class CommandStore(IServiceProvider services)
{
    private readonly List<IHostedService> _started = [];

    /// <summary>Opens it.</summary>
    /// <exception cref="CommandException">Its schema is not this version's.</exception>
    public async Task OpenAsync(CancellationToken cancellationToken)
    {
        var state = await SchemaState.ReadAsync(services, cancellationToken);
        if (state.Newer.Count > 0 || state.Pending.Count > 0)
        {
            throw new CommandException($"the schema of {state.Database} is not this version's. {(state.Newer.Count > 0 ? state.Advice : "Run AuthApi migrate first.")}");
        }

        // It takes the SQLite file for this process, or says that another one serves it.
        await services.PrepareStorageAsync(cancellationToken);
        var assemblies = new[] { typeof(SqliteDatabase).Assembly, typeof(PostgreSqlConnections).Assembly };
        foreach (var service in services.GetServices<IHostedService>().Where(service => assemblies.Contains(service.GetType().Assembly)))
        {
            if (service is IHostedLifecycleService lifecycle)
            {
                await lifecycle.StartingAsync(cancellationToken);
            }

            await service.StartAsync(cancellationToken);
            _started.Add(service);
        }
    }

    /// <summary>Closes it, whether or not it was opened.</summary>
    public async Task CloseAsync()
    {
        foreach (var service in Enumerable.Reverse(_started))
        {
            await service.StopAsync(CancellationToken.None);
        }
    }
}
