using System.Collections.Concurrent;
using Microsoft.AspNetCore.Identity;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.ChangeTracking;
using Microsoft.EntityFrameworkCore.Metadata;

namespace AuthApi.Sessions;

/// <summary>What one save of the application's context changes that sessions depend on.</summary>
internal sealed class UserChanges
{
    private const string SecurityStamp = nameof(IdentityUser.SecurityStamp);
    private const string TwoFactorEnabled = nameof(IdentityUser.TwoFactorEnabled);
    private const string ConcurrencyStamp = nameof(IdentityUser.ConcurrencyStamp);

    // No principal has these, and a failed sign-in changes them.
    private static readonly string[] NotInPrincipals =
        [nameof(IdentityUser.AccessFailedCount), nameof(IdentityUser.LockoutEnd), nameof(IdentityUser.PasswordHash)];

    // What Identity itself sets; the other columns of a user are the application's.
    private static readonly HashSet<string> OfIdentity = [.. typeof(IdentityUser).GetProperties().Select(property => property.Name)];

    private static readonly ConcurrentDictionary<Type, Kind> Kinds = new();

    private enum Kind
    {
        Other,
        OfUser,
        Factor,
        Session,
        Role,
        OfEverybody,
    }

    // Whose factors change: whether one is asked for, the authenticator's key, the recovery codes.
    private readonly HashSet<string> _factors = [];

    /// <summary>Users whose security stamp changes.</summary>
    public HashSet<string> Stamped { get; } = [];

    /// <summary>
    /// Those of <see cref="Stamped"/> of whom nothing else changes but a second factor: the user's own session goes on, as the stock pages that set a
    /// factor up expect.
    /// </summary>
    public HashSet<string> OnlyFactors { get; } = [];

    /// <summary>Users who are deleted.</summary>
    public HashSet<string> Deleted { get; } = [];

    /// <summary>Users whose principal changes.</summary>
    public HashSet<string> Changed { get; } = [];

    /// <summary>Users of whom the application itself deletes rows of sessions.</summary>
    public HashSet<string> Removed { get; } = [];

    /// <summary>Whether everybody's principal may change, by a change to a role.</summary>
    public bool Everybody { get; private set; }

    public bool IsEmpty => Stamped.Count == 0 && Deleted.Count == 0 && Changed.Count == 0 && Removed.Count == 0 && !Everybody;

    /// <summary>All users of whom anything changes.</summary>
    public IEnumerable<string> Users => Stamped.Concat(Deleted).Concat(Changed).Concat(Removed).Distinct();

    /// <summary>Reads the changes that a context is about to save.</summary>
    public static async Task<UserChanges> ReadAsync(DbContext context, Type userType, CancellationToken cancellationToken)
    {
        var changes = new UserChanges();
        foreach (var entry in context.ChangeTracker.Entries().ToList())
        {
            if (entry.State is not (EntityState.Added or EntityState.Modified or EntityState.Deleted))
            {
                continue;
            }

            if (userType.IsInstanceOfType(entry.Entity))
            {
                await changes.AddUserAsync(entry, cancellationToken);
                continue;
            }

            if (FindOwnership(entry.Metadata, userType) is { } ownership)
            {
                changes.Changed.Add(SessionSchema.ToText(entry.Property(ownership.Properties[0].Name).CurrentValue!));
                continue;
            }

            switch (Kinds.GetOrAdd(entry.Metadata.ClrType, KindOf))
            {
                case Kind.Session:
                    changes.Removed.Add(SessionSchema.ToText(entry.Property(SessionMapping.UserKey).CurrentValue!));
                    break;
                case Kind.Factor when IsFactor(entry):
                    changes._factors.Add(SessionSchema.ToText(entry.Property(nameof(IdentityUserToken<>.UserId)).CurrentValue!));
                    break;
                case Kind.OfUser:
                    changes.Changed.Add(SessionSchema.ToText(entry.Property(nameof(IdentityUserRole<>.UserId)).CurrentValue!));
                    break;
                case Kind.Role when entry.State == EntityState.Added:
                    // Nobody has it yet.
                    break;
                case Kind.Role or Kind.OfEverybody:
                    changes.Everybody = true;
                    break;
            }
        }

        changes.OnlyFactors.IntersectWith(changes._factors);
        return changes;
    }

    private async Task AddUserAsync(EntityEntry entry, CancellationToken cancellationToken)
    {
        if (entry.State == EntityState.Added)
        {
            return;
        }

        var userId = SessionSchema.ToText(entry.Property(entry.Metadata.FindPrimaryKey()!.Properties[0].Name).CurrentValue!);
        if (entry.State == EntityState.Deleted)
        {
            Deleted.Add(userId);
            return;
        }

        // Identity's store marks every property as modified. An entity that was not tracked when it was changed has no original values to compare
        // with: nothing differs but the concurrency stamp, which that store sets itself, and columns that the application sets as it saves.
        var different = entry.Properties
            .Where(property => property.IsModified && property.Metadata.Name != ConcurrencyStamp && !Equals(property.OriginalValue, property.CurrentValue))
            .Select(property => property.Metadata.Name)
            .ToList();
        var isUnknown = !different.Exists(OfIdentity.Contains) && entry.Properties.Any(property => property.IsModified);
        if (different.Contains(SecurityStamp) || (isUnknown && await IsStampDifferentAsync(entry, cancellationToken)))
        {
            Stamped.Add(userId);
            if (different.Contains(TwoFactorEnabled))
            {
                _factors.Add(userId);
            }

            if (different.Count > 0 && different.All(name => name is SecurityStamp or TwoFactorEnabled))
            {
                OnlyFactors.Add(userId);
            }
        }
        else if (isUnknown || different.Except(NotInPrincipals).Any() || entry.ComplexProperties.Any(IsDifferent) || entry.ComplexCollections.Any(collection => collection.IsModified))
        {
            Changed.Add(userId);
        }
    }

    private static async Task<bool> IsStampDifferentAsync(EntityEntry entry, CancellationToken cancellationToken) =>
        entry.Metadata.FindProperty(SecurityStamp) is { } stamp
        && await entry.GetDatabaseValuesAsync(cancellationToken) is { } stored
        && !Equals(stored[stamp.Name], entry.Property(stamp.Name).CurrentValue);

    private static bool IsDifferent(ComplexPropertyEntry value) =>
        value.Properties.Any(property => property.IsModified && !Equals(property.OriginalValue, property.CurrentValue)) || value.ComplexProperties.Any(IsDifferent);

    // Of what a user owns, however deep, the first column of the key is the user's.
    private static IForeignKey? FindOwnership(IEntityType type, Type userType)
    {
        var ownership = type.FindOwnership();
        for (var current = ownership; current is not null; current = current.PrincipalEntityType.FindOwnership())
        {
            if (userType.IsAssignableFrom(current.PrincipalEntityType.ClrType))
            {
                return ownership;
            }
        }

        return null;
    }

    // As Identity's stores name them; other tokens of a user are those of external logins.
    private static bool IsFactor(EntityEntry token) =>
        token.Property(nameof(IdentityUserToken<>.LoginProvider)).CurrentValue is "[AspNetUserStore]"
        && token.Property(nameof(IdentityUserToken<>.Name)).CurrentValue is "AuthenticatorKey" or "RecoveryCodes";

    private static Kind KindOf(Type type)
    {
        if (typeof(UserSession).IsAssignableFrom(type))
        {
            return Kind.Session;
        }

        for (var current = type; current is not null; current = current.BaseType)
        {
            if (current.IsGenericType)
            {
                var definition = current.GetGenericTypeDefinition();
                if (definition == typeof(IdentityUserRole<>) || definition == typeof(IdentityUserClaim<>))
                {
                    return Kind.OfUser;
                }

                if (definition == typeof(IdentityUserToken<>))
                {
                    return Kind.Factor;
                }

                if (definition == typeof(IdentityRole<>))
                {
                    return Kind.Role;
                }

                if (definition == typeof(IdentityRoleClaim<>))
                {
                    return Kind.OfEverybody;
                }
            }
        }

        return Kind.Other;
    }
}
