using System.ComponentModel;
using AuthApi.Sessions;
using Microsoft.EntityFrameworkCore.ChangeTracking;
using Microsoft.EntityFrameworkCore.Metadata.Builders;
using Microsoft.EntityFrameworkCore.Storage.ValueConversion;

namespace Microsoft.EntityFrameworkCore;

/// <summary>Maps the tables of sessions and events into an application's own context.</summary>
public static class SessionMapping
{
    /// <summary>The shadow property of both entities that has the user's id in the type of the user's key.</summary>
    internal const string UserKey = "UserKey";

    private const int MaxUserAgent = 512;
    private const int MaxIpAddress = 45;

    /// <summary>
    /// Adds the tables <c>UserSessions</c>, with a foreign key to the user, and <c>AuditEntries</c>. Call it in <c>OnModelCreating</c>, after
    /// the base's; then add a migration. Another table name is set by <c>ToTable</c> afterwards.
    /// </summary>
    /// <typeparam name="TUser">The application's user, an entity of this context with a key of one column.</typeparam>
    /// <exception cref="InvalidOperationException">The user is no entity here, or its key cannot be written as text.</exception>
    public static ModelBuilder AddServerSideSessions<TUser>(this ModelBuilder modelBuilder)
        where TUser : class
    {
        ArgumentNullException.ThrowIfNull(modelBuilder);
        var key = modelBuilder.Model.FindEntityType(typeof(TUser))?.FindPrimaryKey();
        if (key is not { Properties: [var property] })
        {
            throw new InvalidOperationException(
                $"AddServerSideSessions<{typeof(TUser).Name}>: {typeof(TUser).Name} is no entity with a key of one column here; call base.OnModelCreating(builder) before it.");
        }

        var keyType = property.ClrType;
        if (keyType != typeof(string) && !TypeDescriptor.GetConverter(keyType).CanConvertFrom(typeof(string)))
        {
            throw new InvalidOperationException(
                $"AddServerSideSessions<{typeof(TUser).Name}>: the key's type {keyType.Name} cannot be read from text; give it a TypeConverter, as Identity's UserManager needs one too.");
        }

        modelBuilder.Entity<UserSession>(builder => Map<TUser>(builder, keyType));
        modelBuilder.Entity<AuditEntry>(builder => Map(builder, keyType));
        if (modelBuilder.Model.FindAnnotation("Npgsql:ValueGenerationStrategy") is null)
        {
            MapTimes(modelBuilder);
        }

        return modelBuilder;
    }

    private static void Map<TUser>(EntityTypeBuilder<UserSession> builder, Type keyType)
        where TUser : class
    {
        builder.ToTable("UserSessions");

        // A row is taken out of each index, a page each: so there is but one beside the table, which is kept in the order of its key.
        builder.HasKey(session => session.Key);
        builder.Property(session => session.Key).HasColumnName("Key").ValueGeneratedNever();
        builder.Ignore(session => session.UserId);
        builder.Ignore(session => session.User);
        builder.Property(keyType, UserKey).HasColumnName("UserId").IsRequired();
        builder.Property(session => session.Id).HasColumnName("Id");
        builder.HasIndex(UserKey, nameof(UserSession.Id)).IsUnique().HasDatabaseName("IX_UserSessions_UserId_Id");
        builder.Property(session => session.TokenHash)
            .HasColumnName("TokenHash")
            .HasConversion(hash => hash.ToArray(), bytes => new TokenHash(bytes))
            .HasMaxLength(TokenHash.Size);
        builder.Property(session => session.CreatedAt).HasColumnName("CreatedAt");
        builder.Property(session => session.LastSeenAt).HasColumnName("LastSeenAt");
        builder.Property(session => session.IdleExpiresAt).HasColumnName("IdleExpiresAt");
        builder.Property(session => session.AbsoluteExpiresAt).HasColumnName("AbsoluteExpiresAt");
        builder.Property(session => session.AuthenticatedAt).HasColumnName("AuthenticatedAt");
        builder.Property(session => session.AuthenticationMethods)
            .HasColumnName("AuthenticationMethods")
            .HasConversion(
                methods => string.Join(' ', methods),
                text => text.Split(' ', StringSplitOptions.RemoveEmptyEntries),
                new ValueComparer<string[]>((left, right) => left!.SequenceEqual(right!), methods => methods.Length, methods => methods))
            .HasMaxLength(64);
        builder.Property(session => session.Transport).HasColumnName("Transport").HasConversion<string>().HasMaxLength(16);
        builder.Property(session => session.RememberMe).HasColumnName("RememberMe");
        builder.Property(session => session.IpAddress).HasColumnName("IpAddress").HasMaxLength(MaxIpAddress);
        builder.Property(session => session.UserAgent).HasColumnName("UserAgent").HasMaxLength(MaxUserAgent);
        builder.Property(session => session.LastIpAddress).HasColumnName("LastIpAddress").HasMaxLength(MaxIpAddress);
        builder.Property(session => session.LastUserAgent).HasColumnName("LastUserAgent").HasMaxLength(MaxUserAgent);
        builder.Property(session => session.PrincipalVersion).HasColumnName("PrincipalVersion").HasDefaultValue(0);

        // An account's sessions go with the account.
        builder.HasOne<TUser>().WithMany().HasForeignKey(UserKey).OnDelete(DeleteBehavior.Cascade);
    }

    private static void Map(EntityTypeBuilder<AuditEntry> builder, Type keyType)
    {
        builder.ToTable("AuditEntries");
        builder.HasKey(entry => entry.Id);
        builder.Property(entry => entry.Id).HasColumnName("Id").ValueGeneratedOnAdd();
        builder.Property(entry => entry.At).HasColumnName("At");
        builder.Property(entry => entry.Event).HasColumnName("Event").HasMaxLength(64);
        builder.Ignore(entry => entry.UserId);

        // No foreign key: the entry outlives the account.
        builder.Property(keyType.IsValueType ? typeof(Nullable<>).MakeGenericType(keyType) : keyType, UserKey).HasColumnName("UserId").IsRequired(false);
        builder.Property(entry => entry.SessionId).HasColumnName("SessionId");
        builder.Property(entry => entry.BySessionId).HasColumnName("BySessionId");
        builder.Property(entry => entry.Reason).HasColumnName("Reason").HasMaxLength(64);
        builder.Property(entry => entry.IpAddress).HasColumnName("IpAddress").HasMaxLength(MaxIpAddress);
        builder.Property(entry => entry.UserAgent).HasColumnName("UserAgent").HasMaxLength(MaxUserAgent);
        builder.HasIndex(UserKey, nameof(AuditEntry.Id)).HasDatabaseName("IX_AuditEntries_UserId_Id");
        builder.HasIndex(entry => entry.At).HasDatabaseName("IX_AuditEntries_At");
    }

    // PostgreSQL has a type for them.
    private static void MapTimes(ModelBuilder modelBuilder)
    {
        foreach (var entity in new[] { typeof(UserSession), typeof(AuditEntry) })
        {
            foreach (var property in modelBuilder.Entity(entity).Metadata.GetProperties().Where(property => property.ClrType == typeof(DateTimeOffset)))
            {
                property.SetValueConverter(new UnixMilliseconds());
            }
        }
    }

    // SQLite has no time type, and EF Core refuses to sort or compare a time that it stores as text.
    private sealed class UnixMilliseconds() : ValueConverter<DateTimeOffset, long>(
        time => time.ToUnixTimeMilliseconds(),
        milliseconds => UnixTime.FromMilliseconds(milliseconds));
}
