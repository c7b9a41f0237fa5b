using System.ComponentModel;
using System.Data.Common;
using System.Globalization;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Infrastructure;
using Microsoft.EntityFrameworkCore.Metadata;
using Microsoft.EntityFrameworkCore.Storage;
using Microsoft.EntityFrameworkCore.Storage.ValueConversion;

namespace AuthApi.Sessions;

/// <summary>
/// The names of the tables in the application's model, quoted for its database, and the user's key in the type that its column has: for a store
/// that writes its own SQL.
/// </summary>
public sealed class SessionSchema
{
    private readonly TypeConverter? _textConverter;
    private readonly Type _keyType;
    private readonly ValueConverter? _columnConverter;

    private SessionSchema(DbContext context, IEntityType sessions, IEntityType entries)
    {
        var user = sessions.GetForeignKeys().Single().PrincipalEntityType;
        var key = sessions.FindProperty(SessionMapping.UserKey)!;
        var names = context.GetService<ISqlGenerationHelper>();
        Sessions = Quote(sessions);
        AuditEntries = Quote(entries);
        Users = Quote(user);
        UserIdColumn = QuoteColumn(user.FindPrimaryKey()!.Properties[0]);
        SecurityStampColumn = user.FindProperty("SecurityStamp") is { } stamp ? QuoteColumn(stamp) : null;
        UserType = user.ClrType;
        _keyType = key.ClrType;
        _textConverter = _keyType == typeof(string) ? null : TypeDescriptor.GetConverter(_keyType);
        _columnConverter = key.GetTypeMapping().Converter;

        string Quote(IEntityType entity) => names.DelimitIdentifier(entity.GetTableName()!, entity.GetSchema());
        string QuoteColumn(IProperty property) => names.DelimitIdentifier(property.GetColumnName());
    }

    /// <summary>The table of sessions, quoted.</summary>
    public string Sessions { get; }

    /// <summary>The table of events, quoted.</summary>
    public string AuditEntries { get; }

    /// <summary>The table of the application's users, quoted.</summary>
    public string Users { get; }

    /// <summary>The column of the users' key, quoted.</summary>
    public string UserIdColumn { get; }

    /// <summary>The column of the users' security stamp, quoted; <see langword="null"/> where the users have none.</summary>
    public string? SecurityStampColumn { get; }

    /// <summary>The application's user.</summary>
    public Type UserType { get; }

    /// <summary>Reads the model of a context.</summary>
    /// <exception cref="SessionSetupException">The model has no sessions.</exception>
    public static SessionSchema Of(DbContext context)
    {
        ArgumentNullException.ThrowIfNull(context);
        return context.Model.FindEntityType(typeof(UserSession)) is { } sessions && context.Model.FindEntityType(typeof(AuditEntry)) is { } entries
            ? new SessionSchema(context, sessions, entries)
            : throw new SessionSetupException(
                $"{context.GetType().Name} has no tables for sessions: write builder.AddServerSideSessions<TUser>() with your user's class at the end of its OnModelCreating(ModelBuilder builder), and add a migration (dotnet ef migrations add AddServerSideSessions).");
    }

    /// <summary>The user's id as a parameter of a statement.</summary>
    /// <param name="userId">The id, as in Identity's claims.</param>
    /// <returns>The value; <see langword="null"/> where the text is no id, which no row has.</returns>
    public object? ToColumn(string? userId)
    {
        // PostgreSQL has no text with a NUL, and .NET reads a number before one.
        if (userId?.Contains('\0') is true)
        {
            return null;
        }

        if (_columnConverter is null && _keyType == typeof(int))
        {
            return int.TryParse(userId, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var number) ? number : null;
        }

        object? key = userId;
        if (userId is not null && _textConverter is not null)
        {
            try
            {
                key = _textConverter.ConvertFromInvariantString(userId);
            }
            catch (Exception exception) when (exception is ArgumentException or FormatException or NotSupportedException or OverflowException)
            {
                return null;
            }
        }

        return _columnConverter is null ? key : _columnConverter.ConvertToProvider(key);
    }

    /// <summary>The user's id from a row of the database.</summary>
    /// <param name="row">The row.</param>
    /// <param name="column">The ordinal of the column <c>UserId</c>, which is not null.</param>
    public string FromColumn(DbDataReader row, int column)
    {
        ArgumentNullException.ThrowIfNull(row);
        if (_columnConverter is null)
        {
            return _keyType == typeof(string) ? row.GetString(column)
                : _keyType == typeof(int) ? row.GetInt32(column).ToString(CultureInfo.InvariantCulture)
                : _keyType == typeof(long) ? row.GetInt64(column).ToString(CultureInfo.InvariantCulture)
                : _keyType == typeof(Guid) ? row.GetGuid(column).ToString()
                : ToText(row.GetValue(column));
        }

        var value = row.GetValue(column);
        var stored = _columnConverter.ProviderClrType;
        return ToText(_columnConverter.ConvertFromProvider(value.GetType() == stored ? value
            : stored == typeof(Guid) ? row.GetGuid(column)
            : Convert.ChangeType(value, stored, CultureInfo.InvariantCulture))!);
    }

    /// <summary>The id that Identity's claims have for a key.</summary>
    internal static string ToText(object key) => key is IFormattable formattable ? formattable.ToString(null, CultureInfo.InvariantCulture) : key.ToString()!;
}
