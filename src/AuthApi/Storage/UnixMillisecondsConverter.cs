using Microsoft.EntityFrameworkCore.Storage.ValueConversion;

namespace AuthApi.Storage;

/// <summary>
/// Stores a time as milliseconds since 1970 in UTC: SQLite has no time type, and EF Core refuses to sort or
/// compare a <see cref="DateTimeOffset"/> that it stores as text.
/// </summary>
internal sealed class UnixMillisecondsConverter() : ValueConverter<DateTimeOffset, long>(
    time => time.ToUnixTimeMilliseconds(),
    milliseconds => DateTimeOffset.FromUnixTimeMilliseconds(milliseconds));
