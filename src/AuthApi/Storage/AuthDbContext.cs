using AuthApi.Sessions;
using Microsoft.AspNetCore.Identity;
using Microsoft.AspNetCore.Identity.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore;

namespace AuthApi.Storage;

/// <summary>
/// The one database. Storage knows no feature: each room maps its own rows with an
/// <see cref="IEntityTypeConfiguration{TEntity}"/> beside them and reaches them by <see cref="DbContext.Set{TEntity}()"/>.
/// </summary>
public class AuthDbContext : IdentityDbContext<ApplicationUser, IdentityRole<int>, int>
{
    /// <summary>The property of an event that has the id of the administrator who caused it.</summary>
    internal const string ByUserId = "ByUserId";

    public AuthDbContext(DbContextOptions<AuthDbContext> options) : base(options)
    {
    }

    private protected AuthDbContext(DbContextOptions options) : base(options)
    {
    }

    // Version 3 has the passkeys' table; Identity's default leaves it out of the model.
    protected override Version SchemaVersion => IdentitySchemaVersions.Version3;

    protected override void ConfigureConventions(ModelConfigurationBuilder configurationBuilder)
    {
        base.ConfigureConventions(configurationBuilder);
        if (Database.IsNpgsql())
        {
            // What is too long is refused by the rules of a call, the same on both databases, and not by a column.
            configurationBuilder.Properties<string>().HaveColumnType("text");
        }
        else
        {
            configurationBuilder.Properties<DateTimeOffset>().HaveConversion<UnixMillisecondsConverter>();
        }
    }

    protected override void OnModelCreating(ModelBuilder builder)
    {
        base.OnModelCreating(builder);

        // Two registrations at once both find the address free; only the index can refuse the second.
        builder.Entity<ApplicationUser>().HasIndex(user => user.NormalizedEmail).HasDatabaseName("EmailIndex").IsUnique();

        // Lists of accounts look for the beginning of a name. A name that nobody has chosen is the address, which has an index.
        builder.Entity<ApplicationUser>().HasIndex(user => user.NormalizedUserName, "IX_AspNetUsers_ChosenName").HasFilter("\"NormalizedUserName\" <> \"NormalizedEmail\"");
        builder.Entity<ApplicationUser>().Property(user => user.MustChangePassword).HasDefaultValue(false);
        builder.Entity<ApplicationUser>().Property(user => user.IsRegisteredAgain).HasDefaultValue(false);
        if (Database.IsNpgsql())
        {
            // In the order of their characters, in which what begins alike stands together, whatever the language of the database.
            builder.Entity<ApplicationUser>().Property(user => user.NormalizedEmail).UseCollation("C");
            builder.Entity<ApplicationUser>().Property(user => user.NormalizedUserName).UseCollation("C");
        }

        PasskeyUse.Map(builder);
        builder.AddServerSideSessions<ApplicationUser>();
        builder.Entity<AuditEntry>().Property<int?>(ByUserId);
        builder.ApplyConfigurationsFromAssembly(typeof(AuthDbContext).Assembly);
    }
}
