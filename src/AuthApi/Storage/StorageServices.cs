using AuthApi.Sessions;
using AuthApi.Sessions.Sqlite;
using AuthApi.Startup;
using Microsoft.AspNetCore.DataProtection.KeyManagement;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Options;

namespace AuthApi.Storage;

/// <summary>Registers the database of accounts and sessions.</summary>
public static class StorageServices
{
    public static IServiceCollection AddStorage(this IServiceCollection services)
    {
        services.AddValidatedOptions<DatabaseOptions>(DatabaseOptions.Section);
        services.AddSingleton<StoreWaitInterceptor>();
        services.AddPooledDbContextFactory<AuthDbContext>((provider, options) =>
        {
            if (provider.GetRequiredService<IOptions<DatabaseOptions>>().Value.Provider == DatabaseOptions.PostgreSql)
            {
                options.UseNpgsql(provider.GetRequiredService<PostgreSqlStorage>().ConnectionString).AddInterceptors(provider.GetRequiredService<StoreWaitInterceptor>());
            }
            else
            {
                options.UseSqlite(SqliteFile.ConnectionString(provider.GetRequiredService<IConfiguration>()));
            }
        });
        services.AddScoped(provider => provider.GetRequiredService<IDbContextFactory<AuthDbContext>>().CreateDbContext());
        services.AddExceptionHandler<RefusedTextHandler>();
        return services;
    }

    /// <summary>Stores sessions in the database that <c>Database:Provider</c> names, and registers what the program itself has for that one alone.</summary>
    public static ServerSideSessionsBuilder<AuthDbContext> UseDatabase(this ServerSideSessionsBuilder<AuthDbContext> sessions, IConfiguration configuration)
    {
        var database = DatabaseOptions.Of(configuration);
        if (database.Provider != DatabaseOptions.PostgreSql)
        {
            sessions.Services.AddSingleton<ISessionUserReader, SqliteAccountReader>();
            return sessions.UseSqlite();
        }

        sessions.Services.AddSingleton<ISessionUserReader, PostgreSqlAccountReader>();
        sessions.Services.AddSingleton<PostgreSqlStorage>();
        sessions.Services.AddDbContextFactory<PostgreSqlAuthDbContext>((provider, options) => options.UseNpgsql(provider.GetRequiredService<PostgreSqlStorage>().ConnectionString));
        return sessions.UsePostgreSql(options => options.AllowPlaintext = database.AllowPlaintext);
    }

    /// <summary>Makes the database ready to be served; no request is taken before.</summary>
    /// <exception cref="ConfigurationException">The configured database cannot be used.</exception>
    public static Task PrepareStorageAsync(this WebApplication app) => app.Services.PrepareStorageAsync(CancellationToken.None);

    /// <inheritdoc cref="PrepareStorageAsync(WebApplication)"/>
    internal static async Task PrepareStorageAsync(this IServiceProvider services, CancellationToken cancellationToken)
    {
        if (services.GetRequiredService<IOptions<DatabaseOptions>>().Value.Provider != DatabaseOptions.PostgreSql)
        {
            var file = new SqliteFile(
                services.GetRequiredService<SqliteDatabase>(),
                services.GetRequiredService<IDbContextFactory<AuthDbContext>>(),
                services.GetRequiredService<ILogger<SqliteFile>>());
            await file.PrepareAsync(cancellationToken);
            return;
        }

        var storage = services.GetRequiredService<PostgreSqlStorage>();
        await storage.PrepareAsync(services.GetRequiredService<IDbContextFactory<PostgreSqlAuthDbContext>>(), cancellationToken);
        await storage.CreateFirstKeyAsync(
            services.GetRequiredService<IKeyManager>(), services.GetRequiredService<IOptions<KeyManagementOptions>>().Value.NewKeyLifetime, cancellationToken);
    }
}
