using AuthApi.Storage;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;

namespace AuthApi.Codes;

/// <summary>A code that was mailed to a user for one purpose and not used yet. A user has at most one for a purpose: a new one takes the place of the last.</summary>
internal sealed class OneTimeCode : IExpiringRow
{
    public required int UserId { get; init; }

    /// <summary>What the code is for, one of <see cref="CodePurpose"/>.</summary>
    public required string Purpose { get; init; }

    /// <summary>The SHA-256 of the code and of all that it is bound to.</summary>
    public required byte[] Hash { get; init; }

    /// <summary>What the code was made for, such as the new address.</summary>
    public string? Data { get; init; }

    /// <summary>When it was made, or the code whose data it corrects: <see cref="OneTimeCodes.Quiet"/> begins then.</summary>
    public required DateTimeOffset CreatedAt { get; init; }

    /// <summary><see cref="OneTimeCodes.Lifetime"/> after it was made.</summary>
    public required DateTimeOffset ExpiresAt { get; init; }

    /// <summary>How many wrong codes were given in its place.</summary>
    public int Tries { get; init; }

    internal sealed class Configuration : IEntityTypeConfiguration<OneTimeCode>
    {
        public void Configure(EntityTypeBuilder<OneTimeCode> builder)
        {
            builder.ToTable("OneTimeCodes");
            builder.HasKey(code => new { code.UserId, code.Purpose });
            builder.HasOne<ApplicationUser>().WithMany().HasForeignKey(code => code.UserId).OnDelete(DeleteBehavior.Cascade);
            builder.HasIndex(code => code.ExpiresAt);
        }
    }
}
