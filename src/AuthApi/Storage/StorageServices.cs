using AuthApi.Sessions;
using AuthApi.Sessions.PostgreSql;
using AuthApi.Sessions.Sqlite;
using AuthApi.Startup;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Options;

namespace AuthApi.Storage;

/// <summary>Registers the database of accounts and sessions.</summary>
public static class StorageServices
{
    public static IServiceCollection AddStorage(this IServiceCollection services)
    {
        services.AddValidatedOptions<DatabaseOptions>(DatabaseOptions.Section);
        services.AddPooledDbContextFactory<AuthDbContext>((provider, options) =>
        {
            if (provider.GetRequiredService<IOptions<DatabaseOptions>>().Value.Provider == DatabaseOptions.PostgreSql)
            {
                options.UseNpgsql(provider.GetRequiredService<PostgreSqlStorage>().ConnectionString);
            }
            else
            {
                options.UseSqlite(SqliteFile.ConnectionString(provider.GetRequiredService<IConfiguration>()));
            }
        });
        services.AddSingleton<PostgreSqlStorage>();
        services.AddDbContextFactory<PostgreSqlAuthDbContext>((provider, options) => options.UseNpgsql(provider.GetRequiredService<PostgreSqlStorage>().ConnectionString));
        services.AddScoped(provider => provider.GetRequiredService<IDbContextFactory<AuthDbContext>>().CreateDbContext());
        services.AddSingleton(provider => provider.GetService<PostgreSqlConnections>() is { } connections
            ? new PostgreSqlAccountReader(connections)
            : (AccountReader)new SqliteAccountReader(provider.GetRequiredService<SqliteReader>()));
        services.AddExceptionHandler<RefusedTextHandler>();
        return services;
    }

    /// <summary>Stores sessions in the database that <c>Database:Provider</c> names.</summary>
    public static ServerSideSessionsBuilder<AuthDbContext> UseDatabase(this ServerSideSessionsBuilder<AuthDbContext> sessions, IConfiguration configuration)
    {
        var database = DatabaseOptions.Of(configuration);
        return database.Provider == DatabaseOptions.PostgreSql
            ? sessions.UsePostgreSql(options => options.AllowPlaintext = database.AllowPlaintext)
            : sessions.UseSqlite();
    }

    /// <summary>Makes the database ready to be served; no request is taken before.</summary>
    /// <exception cref="ConfigurationException">The configured database cannot be used.</exception>
    public static Task PrepareStorageAsync(this WebApplication app)
    {
        var services = app.Services;
        return services.GetRequiredService<IOptions<DatabaseOptions>>().Value.Provider == DatabaseOptions.PostgreSql
            ? services.GetRequiredService<PostgreSqlStorage>().PrepareAsync(services.GetRequiredService<IDbContextFactory<PostgreSqlAuthDbContext>>(), CancellationToken.None)
            : new SqliteFile(
                services.GetRequiredService<SqliteDatabase>(),
                services.GetRequiredService<IDbContextFactory<AuthDbContext>>(),
                services.GetRequiredService<ILogger<SqliteFile>>()).PrepareAsync(CancellationToken.None);
    }
}
