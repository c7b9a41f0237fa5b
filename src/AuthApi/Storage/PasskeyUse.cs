using Microsoft.AspNetCore.Identity;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;

namespace AuthApi.Storage;

/// <summary>The columns that a passkey has beside Identity's, which one statement writes at each use. Identity rewrites its whole document of the passkey instead.</summary>
internal static class PasskeyUse
{
    /// <summary>The authenticator's counter at the last use (WebAuthn 3, 6.1.1).</summary>
    public const string Counter = "SignCount";

    public const string LastUsedAt = "LastUsedAt";

    internal sealed class Configuration : IEntityTypeConfiguration<IdentityUserPasskey<int>>
    {
        public void Configure(EntityTypeBuilder<IdentityUserPasskey<int>> builder)
        {
            builder.Property<long>(Counter).HasDefaultValue(0L);
            builder.Property<DateTimeOffset?>(LastUsedAt);
        }
    }
}
