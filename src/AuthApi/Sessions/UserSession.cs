using System.Text.Json.Serialization;
using AuthApi.Api;
using AuthApi.Storage;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;

namespace AuthApi.Sessions;

/// <summary>How the client sends the session's token.</summary>
[JsonConverter(typeof(CamelCaseEnumConverter))]
public enum SessionTransport
{
    /// <summary>In the session cookie.</summary>
    Cookie,

    /// <summary>In <c>Authorization: Session</c>, from a client without a cookie jar.</summary>
    Header,
}

/// <summary>
/// A session is this row, and the row decides: who has signed in, since when, from where and how. An ended session has
/// no row.
/// </summary>
public sealed record UserSession
{
    /// <summary>The session's public name. It is not the token and gives no access.</summary>
    public required Guid Id { get; init; }

    public required int UserId { get; init; }

    public required TokenHash TokenHash { get; init; }

    /// <summary>The row's key: <see cref="TokenHash.Prefix"/>. The whole hash is compared beside it.</summary>
    public long Key { get => TokenHash.Prefix; private init { } }

    public required DateTimeOffset CreatedAt { get; init; }

    /// <summary>The last use that the store knows of; the node that serves the session knows it to the second.</summary>
    public required DateTimeOffset LastSeenAt { get; init; }

    /// <summary>When the session ends if it is not used again (ASVS 7.3.1). Never later than <see cref="AbsoluteExpiresAt"/>.</summary>
    public required DateTimeOffset IdleExpiresAt { get; init; }

    /// <summary>When the session ends however much it is used (ASVS 7.3.2).</summary>
    public required DateTimeOffset AbsoluteExpiresAt { get; init; }

    /// <summary>When the user last proved who they are in this session.</summary>
    public required DateTimeOffset AuthenticatedAt { get; init; }

    /// <summary>How the user proved who they are, in the words of RFC 8176 (<c>pwd</c>, <c>otp</c>, …).</summary>
    public required string[] AuthenticationMethods { get; init; }

    public required SessionTransport Transport { get; init; }

    /// <summary>Whether the user asked to be remembered: longer limits, and a cookie that outlives the browser.</summary>
    public required bool RememberMe { get; init; }

    /// <summary>The client's address at sign-in.</summary>
    public string? IpAddress { get; init; }

    /// <summary>The client's <c>User-Agent</c> at sign-in, at most 512 characters, without control characters.</summary>
    public string? UserAgent { get; init; }

    /// <summary>When the session ends if this was its last use: as long after it as the row's idle expiry is after the row's last use.</summary>
    internal DateTimeOffset IdleExpiresAtFrom(DateTimeOffset lastSeenAt)
    {
        var idle = lastSeenAt.AddSaturating(IdleExpiresAt - LastSeenAt);
        return idle < AbsoluteExpiresAt ? idle : AbsoluteExpiresAt;
    }

    internal sealed class Mapping : IEntityTypeConfiguration<UserSession>
    {
        public void Configure(EntityTypeBuilder<UserSession> builder)
        {
            builder.ToTable("UserSessions");

            // A row is taken out of each index, a page each: so there is but one beside the table, which is kept in the order of its key.
            builder.HasKey(session => session.Key);
            builder.Property(session => session.Key).ValueGeneratedNever();
            builder.HasIndex(session => new { session.UserId, session.Id }).IsUnique();
            builder.Property(session => session.TokenHash)
                .HasConversion(hash => hash.ToArray(), bytes => new TokenHash(bytes))
                .HasMaxLength(TokenHash.Size);
            builder.Property(session => session.AuthenticationMethods)
                .HasConversion(
                    methods => string.Join(' ', methods),
                    text => text.Split(' ', StringSplitOptions.RemoveEmptyEntries),
                    new Microsoft.EntityFrameworkCore.ChangeTracking.ValueComparer<string[]>(
                        (left, right) => left!.SequenceEqual(right!), methods => methods.Length, methods => methods))
                .HasMaxLength(64);
            builder.Property(session => session.Transport).HasConversion<string>().HasMaxLength(16);
            builder.Property(session => session.IpAddress).HasMaxLength(45);
            builder.Property(session => session.UserAgent).HasMaxLength(512);

            // An account's sessions go with the account.
            builder.HasOne<ApplicationUser>().WithMany().HasForeignKey(session => session.UserId).OnDelete(DeleteBehavior.Cascade);
        }
    }
}
