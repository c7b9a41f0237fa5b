using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;

namespace AuthApi.Audit;

/// <summary>One thing that happened. It is written in the transaction of what it reports and holds no secret.</summary>
public sealed record AuditEntry
{
    /// <summary>Given by the database, in the order of writing.</summary>
    public long Id { get; init; }

    public required DateTimeOffset At { get; init; }

    public required AuditEvent Event { get; init; }

    /// <summary>The account it happened to, where one is known. No foreign key: the entry outlives the account.</summary>
    public required int? UserId { get; init; }

    /// <summary>The public id of the session it happened to.</summary>
    public required Guid? SessionId { get; init; }

    /// <summary>The public id of the session that did it, where that was another one.</summary>
    public Guid? BySessionId { get; init; }

    /// <summary>Why, where the event alone does not say it.</summary>
    public string? Reason { get; init; }

    /// <summary>The client's address, where a client caused it.</summary>
    public string? IpAddress { get; init; }

    public string? UserAgent { get; init; }

    internal sealed class Mapping : IEntityTypeConfiguration<AuditEntry>
    {
        public void Configure(EntityTypeBuilder<AuditEntry> builder)
        {
            builder.ToTable("AuditEntries");
            builder.Property(entry => entry.Event)
                .HasConversion(what => AuditEventNames.ToStored(what), stored => AuditEventNames.FromStored(stored))
                .HasMaxLength(64);
            builder.Property(entry => entry.Reason).HasMaxLength(64);
            builder.Property(entry => entry.IpAddress).HasMaxLength(45);
            builder.Property(entry => entry.UserAgent).HasMaxLength(512);
            builder.HasIndex(entry => new { entry.UserId, entry.Id });
            builder.HasIndex(entry => entry.At);
        }
    }
}
