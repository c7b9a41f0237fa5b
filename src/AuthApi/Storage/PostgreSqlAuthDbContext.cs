using Microsoft.AspNetCore.DataProtection.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore;

namespace AuthApi.Storage;

/// <summary>
/// The context whose migrations are PostgreSQL's, as EF Core has a set of migrations for each class of context. Only migrating and <see cref="KeyRing"/> use it; all
/// else uses <see cref="AuthDbContext"/>.
/// </summary>
internal sealed class PostgreSqlAuthDbContext(DbContextOptions<PostgreSqlAuthDbContext> options) : AuthDbContext(options), IDataProtectionKeyContext
{
    public DbSet<DataProtectionKey> DataProtectionKeys => Set<DataProtectionKey>();

    protected override void OnModelCreating(ModelBuilder builder)
    {
        base.OnModelCreating(builder);

        // The counts that hold on all nodes, which Security reads and writes by SQL. Unlogged: a write of it waits for no disk. A crash of the server
        // empties it and a standby has none of it, and then each client has its full count again.
        builder.Entity("RateLimit", limit =>
        {
            limit.ToTable("RateLimits").IsUnlogged();
            limit.Property<string>("Key");
            limit.Property<DateTimeOffset>("FullAt");
            limit.HasKey("Key");
        });
    }
}
