using Microsoft.AspNetCore.Identity;
using Microsoft.AspNetCore.Identity.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore;

namespace AuthApi.Storage;

/// <summary>
/// The one database. Storage knows no feature: each room maps its own rows with an
/// <see cref="IEntityTypeConfiguration{TEntity}"/> beside them and reaches them by <see cref="DbContext.Set{TEntity}()"/>.
/// </summary>
public sealed class AuthDbContext(DbContextOptions<AuthDbContext> options) : IdentityDbContext<ApplicationUser, IdentityRole<int>, int>(options)
{
    // Version 3 has the passkeys' table; Identity's default leaves it out of the model.
    protected override Version SchemaVersion => IdentitySchemaVersions.Version3;

    protected override void ConfigureConventions(ModelConfigurationBuilder configurationBuilder)
    {
        base.ConfigureConventions(configurationBuilder);
        configurationBuilder.Properties<DateTimeOffset>().HaveConversion<UnixMillisecondsConverter>();
    }

    protected override void OnModelCreating(ModelBuilder builder)
    {
        base.OnModelCreating(builder);

        // Two registrations at once both find the address free; only the index can refuse the second.
        builder.Entity<ApplicationUser>().HasIndex(user => user.NormalizedEmail).HasDatabaseName("EmailIndex").IsUnique();

        builder.AddServerSideSessions<ApplicationUser>();
    }
}
