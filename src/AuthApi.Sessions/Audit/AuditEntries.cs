using System.ComponentModel;
using Microsoft.EntityFrameworkCore;

namespace AuthApi.Sessions;

/// <summary>Writes and reads events through the application's own context.</summary>
public static class AuditEntries
{
    /// <summary>Adds an event, which is written with what the context saves beside it, in its transaction.</summary>
    /// <param name="context">The application's context.</param>
    /// <param name="entry">The event.</param>
    public static void AddAuditEntry(this DbContext context, AuditEntry entry)
    {
        ArgumentNullException.ThrowIfNull(context);
        ArgumentNullException.ThrowIfNull(entry);
        var userKey = context.Add(entry).Property(SessionMapping.UserKey);
        var type = Nullable.GetUnderlyingType(userKey.Metadata.ClrType) ?? userKey.Metadata.ClrType;
        userKey.CurrentValue = entry.UserId is null || type == typeof(string)
            ? entry.UserId
            : TypeDescriptor.GetConverter(type).ConvertFromInvariantString(entry.UserId);
    }
}
