using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;

namespace AuthApi.Mail;

/// <summary>
/// A message that waits to be sent. It is added in the transaction of what it reports, and deleted when the mail server has taken it.
/// </summary>
internal sealed class MailMessage
{
    /// <summary>The left part of its <c>Message-ID</c>, the same at each attempt.</summary>
    public required Guid Id { get; init; }

    /// <summary>The account that it is deleted with. No foreign key: the last message of an account, and notices to its former address, outlive it.</summary>
    public int? UserId { get; init; }

    /// <summary>The recipient's address.</summary>
    public required string To { get; init; }

    public required string Subject { get; init; }

    public required string Text { get; init; }

    public required string Html { get; init; }

    public required DateTimeOffset CreatedAt { get; init; }

    /// <summary>When it is of no use any more, and is not sent.</summary>
    public required DateTimeOffset ExpiresAt { get; init; }

    /// <summary>The number of attempts that have begun.</summary>
    public int Attempts { get; init; }

    /// <summary>When to try next. While it is being sent, when another process may take over.</summary>
    public required DateTimeOffset NextAttemptAt { get; init; }

    // MVC and EF Core log values.
    public override string ToString() => $"{nameof(MailMessage)} {Id}";

    internal sealed class Configuration : IEntityTypeConfiguration<MailMessage>
    {
        public void Configure(EntityTypeBuilder<MailMessage> builder)
        {
            builder.ToTable("MailQueue");
            builder.Property(message => message.Id).ValueGeneratedNever();
            builder.Property(message => message.To).HasMaxLength(256);
            builder.Property(message => message.Subject).HasMaxLength(256);
            builder.HasIndex(message => message.NextAttemptAt);
            builder.HasIndex(message => message.UserId);
        }
    }
}
