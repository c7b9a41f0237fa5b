using AuthApi.Sessions.Sqlite;
using AuthApi.Startup;
using Microsoft.EntityFrameworkCore;

namespace AuthApi.Storage;

/// <summary>Registers the database of accounts and sessions.</summary>
public static class StorageServices
{
    public static IServiceCollection AddStorage(this IServiceCollection services)
    {
        services.AddValidatedOptions<DatabaseOptions>(DatabaseOptions.Section);
        services.AddPooledDbContextFactory<AuthDbContext>((provider, options) =>
            options.UseSqlite(SqliteFile.ConnectionString(provider.GetRequiredService<IConfiguration>())));
        services.AddScoped(provider => provider.GetRequiredService<IDbContextFactory<AuthDbContext>>().CreateDbContext());
        return services;
    }

    /// <summary>Makes the database ready to be served; no request is taken before.</summary>
    /// <exception cref="ConfigurationException">The configured database cannot be used.</exception>
    public static Task PrepareStorageAsync(this WebApplication app) => new SqliteFile(
        app.Services.GetRequiredService<SqliteDatabase>(),
        app.Services.GetRequiredService<IDbContextFactory<AuthDbContext>>(),
        app.Services.GetRequiredService<ILogger<SqliteFile>>()).PrepareAsync(CancellationToken.None);
}
