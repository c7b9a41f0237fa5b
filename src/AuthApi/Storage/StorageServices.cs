using AuthApi.Startup;
using Microsoft.AspNetCore.Identity;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Diagnostics;
using Microsoft.Extensions.Options;

namespace AuthApi.Storage;

/// <summary>Registers the database and its one writer.</summary>
public static class StorageServices
{
    public static IServiceCollection AddStorage(this IServiceCollection services)
    {
        services.AddValidatedOptions<DatabaseOptions>(DatabaseOptions.Section);

        services.AddSingleton(provider => SqliteDatabase.FromConnectionString(
            provider.GetRequiredService<IConfiguration>().GetConnectionString("Auth") ?? SqliteDatabase.DefaultConnectionString, provider.GetRequiredService<ILogger<SqliteDatabase>>()));
        services.AddSingleton<IInterceptor, SqliteConnectionPreparation>();
        services.AddSingleton<IInterceptor, WriteSlotInterceptor>();

        // A room that must know of changes to users registers an interceptor of its own.
        services.AddPooledDbContextFactory<AuthDbContext>((provider, options) => options
            .UseApplicationServiceProvider(new OurSchema(provider))
            .UseSqlite(provider.GetRequiredService<SqliteDatabase>().ConnectionString)
            .AddInterceptors(provider.GetServices<IInterceptor>()));

        // Options without their context's name are those of the last that was added; an application that adopts this may have a context that takes them.
        services.Remove(services.Last(service => service.ServiceType == typeof(DbContextOptions)));
        services.AddScoped(provider => provider.GetRequiredService<IDbContextFactory<AuthDbContext>>().CreateDbContext());

        services.AddHttpContextAccessor();
        services.AddSingleton<OpenStoreFiles>();
        services.AddSingleton<WriteSlot>();
        services.AddSingleton(provider => new ReadConnectionPool(
            provider.GetRequiredService<SqliteDatabase>(), provider.GetRequiredService<OpenStoreFiles>(), provider.GetRequiredService<GroupCommit>()));
        services.AddSingleton<StorageMetrics>();
        services.AddSingleton(provider => new GroupCommit(
            provider.GetRequiredService<SqliteDatabase>(),
            provider.GetRequiredService<OpenStoreFiles>(),
            provider.GetRequiredService<WriteSlot>(),
            provider.GetRequiredService<StorageMetrics>(),
            provider.GetRequiredService<ILogger<GroupCommit>>()));
        services.AddHostedService(provider => provider.GetRequiredService<GroupCommit>());
        services.AddHostedService<WalCheckpointer>();
        services.AddHostedService<OpenStoreFilesWatch>();
        services.AddExceptionHandler<StoreUnavailableExceptionHandler>();
        services.AddSingleton<StoreHealthCheck>();
        services.AddHealthChecks().AddCheck<StoreHealthCheck>("store");
        return services;
    }

    /// <summary>Makes the database ready to be served; no request is taken before.</summary>
    /// <exception cref="ConfigurationException">The configured database cannot be used.</exception>
    public static async Task PrepareStorageAsync(this WebApplication app)
    {
        var database = app.Services.GetRequiredService<SqliteDatabase>();
        await database.PrepareAsync(app.Services.GetRequiredService<IDbContextFactory<AuthDbContext>>(), CancellationToken.None);
        await app.Services.GetRequiredService<OpenStoreFiles>().OpenAsync(CancellationToken.None);
        app.Lifetime.ApplicationStarted.Register(database.LogPath);
    }

    // Identity's context makes its model by the application's options. The migrations are for this one, whatever the application that
    // adopts it has chosen for a context of its own.
    private sealed class OurSchema(IServiceProvider services) : IServiceProvider
    {
        private static readonly IOptions<IdentityOptions> Options =
            Microsoft.Extensions.Options.Options.Create(new IdentityOptions { Stores = { SchemaVersion = IdentitySchemaVersions.Version3 } });

        public object? GetService(Type serviceType) => serviceType == typeof(IOptions<IdentityOptions>) ? Options : services.GetService(serviceType);
    }
}
