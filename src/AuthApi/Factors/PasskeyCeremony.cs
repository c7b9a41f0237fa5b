using AuthApi.Storage;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;

namespace AuthApi.Factors;

/// <summary>The state of a WebAuthn ceremony that has begun, so that no client needs a cookie for it. It is used once.</summary>
internal sealed class PasskeyCeremony : IExpiringRow
{
    /// <summary>The SHA-256 of the challenge. The client's answer has the challenge, so it names its ceremony.</summary>
    public required byte[] Id { get; init; }

    /// <summary>What the ceremony is for, one of <see cref="PasskeyPurpose"/>.</summary>
    public required string Purpose { get; init; }

    /// <summary>The user and the session that began it, where a session did.</summary>
    public int? UserId { get; init; }

    /// <inheritdoc cref="UserId"/>
    public Guid? SessionId { get; init; }

    /// <summary>What Identity needs to check the answer.</summary>
    public required string State { get; init; }

    public required DateTimeOffset ExpiresAt { get; init; }

    internal sealed class Configuration : IEntityTypeConfiguration<PasskeyCeremony>
    {
        public void Configure(EntityTypeBuilder<PasskeyCeremony> builder)
        {
            builder.ToTable("PasskeyCeremonies");
            builder.Property(ceremony => ceremony.Id).ValueGeneratedNever();
            builder.HasOne<ApplicationUser>().WithMany().HasForeignKey(ceremony => ceremony.UserId).OnDelete(DeleteBehavior.Cascade);
            builder.HasIndex(ceremony => ceremony.ExpiresAt);
        }
    }
}

/// <summary>What ceremonies are for. An answer for one is none for another.</summary>
internal static class PasskeyPurpose
{
    public const string Registration = "Registration";

    public const string Login = "Login";

    public const string Reauthentication = "Reauthentication";
}
