using Microsoft.AspNetCore.Identity;
using Microsoft.EntityFrameworkCore;

namespace AuthApi.Storage;

/// <summary>The columns that a passkey has beside Identity's, which one statement writes at each use. Identity rewrites its whole document of the passkey instead.</summary>
internal static class PasskeyUse
{
    /// <summary>The authenticator's counter at the last use (WebAuthn 3, 6.1.1).</summary>
    public const string Counter = "SignCount";

    public const string LastUsedAt = "LastUsedAt";

    public static void Map(ModelBuilder builder)
    {
        // Identity maps no passkeys where the context has no services of the program to ask for the version of the schema.
        if (builder.Model.FindEntityType(typeof(IdentityUserPasskey<int>)) is not null)
        {
            builder.Entity<IdentityUserPasskey<int>>().Property<long>(Counter).HasDefaultValue(0L);
            builder.Entity<IdentityUserPasskey<int>>().Property<DateTimeOffset?>(LastUsedAt);
        }
    }
}
