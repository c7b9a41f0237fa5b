using System.ComponentModel.DataAnnotations;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;
using AuthApi.Sessions;
using Microsoft.AspNetCore.Mvc;
using Microsoft.EntityFrameworkCore;

namespace AuthApi.Administration;

/// <summary>Which of everybody's live sessions are meant. All that are given must hold; none means all sessions.</summary>
public sealed record SessionFilter : IValidatableObject
{
    /// <summary>The names of the filters in a query.</summary>
    internal static readonly string[] Names = ["userId", "ipAddress", "device", "createdBefore", "lastSeenBefore"];

    /// <summary>Those of this account.</summary>
    /// <example>42</example>
    [FromQuery(Name = "userId")]
    public int? UserId { get; init; }

    /// <summary>Those that began at, or were last used from, this address or a network such as <c>203.0.113.0/24</c>.</summary>
    /// <example>203.0.113.7</example>
    [FromQuery(Name = "ipAddress")]
    public string? IpAddress { get; init; }

    /// <summary>Those whose User-Agent, at the beginning or at the last use, has this text in it. Case does not count.</summary>
    /// <example>Firefox</example>
    [FromQuery(Name = "device"), RegularExpression(@"^[^\u0000-\u001F\u007F]{0,256}$", ErrorMessage = "This must have at most 256 characters, and no control characters.")]
    public string? Device { get; init; }

    /// <summary>Those that began before this time.</summary>
    [FromQuery(Name = "createdBefore")]
    public DateTimeOffset? CreatedBefore { get; init; }

    /// <summary>Those that were last used before this time.</summary>
    [FromQuery(Name = "lastSeenBefore")]
    public DateTimeOffset? LastSeenBefore { get; init; }

    /// <summary>Whether it means all sessions.</summary>
    internal bool IsEmpty => UserId is null && IpAddress is null && Device is null && CreatedBefore is null && LastSeenBefore is null;

    /// <summary>The same filters have the same text.</summary>
    internal string Text => string.Create(
        CultureInfo.InvariantCulture, $"sessions {UserId} {IpAddress} {CreatedBefore?.UtcTicks} {LastSeenBefore?.UtcTicks} {Device}");

    /// <inheritdoc/>
    public IEnumerable<ValidationResult> Validate(ValidationContext validationContext)
    {
        if (IpAddress is not null && Address is null && Network is null)
        {
            yield return new ValidationResult("This must be an IP address, or a network such as 203.0.113.0/24.", ["ipAddress"]);
        }
    }

    /// <summary>
    /// Whether <see cref="IsMet"/> must be asked for each row: no database finds a network in texts, and databases differ in the case of letters outside ASCII.
    /// </summary>
    internal bool IsMetByRow => Network is not null || (Device is not null && !Ascii.IsValid(Device));

    /// <summary>The rows that it selects; where <see cref="IsMetByRow"/>, some that it does not select are among them.</summary>
    internal IQueryable<UserSession> Apply(IQueryable<UserSession> sessions, DateTimeOffset now)
    {
        sessions = sessions.Where(session => session.IdleExpiresAt > now);
        if (UserId is { } userId)
        {
            sessions = sessions.Where(session => EF.Property<int>(session, "UserKey") == userId);
        }

        if (Address is { } address)
        {
            var text = address.ToString();
            sessions = sessions.Where(session => session.IpAddress == text || session.LastIpAddress == text);
        }

        if (!string.IsNullOrEmpty(Device) && Ascii.IsValid(Device))
        {
            var text = Device.ToUpperInvariant();
#pragma warning disable CA1304, CA1311, CA1862 // it is SQL
            sessions = sessions.Where(session => session.UserAgent!.ToUpper().Contains(text) || session.LastUserAgent!.ToUpper().Contains(text));
#pragma warning restore CA1304, CA1311, CA1862
        }

        if (CreatedBefore is { } created)
        {
            var utc = created.ToUniversalTime();
            sessions = sessions.Where(session => session.CreatedAt < utc);
        }

        if (LastSeenBefore is { } seen)
        {
            var utc = seen.ToUniversalTime();
            sessions = sessions.Where(session => session.LastSeenAt < utc);
        }

        return sessions;
    }

    /// <summary>The address that is asked for, if it is one. The parser takes <c>127.1</c> and <c>1</c> for IPv4 addresses too.</summary>
    internal IPAddress? Address => IPAddress.TryParse(IpAddress, out var address) && (address.AddressFamily == AddressFamily.InterNetworkV6 || IpAddress.Count('.') == 3)
        ? address.IsIPv4MappedToIPv6 ? address.MapToIPv4() : address
        : null;

    /// <summary>The network that is asked for, if it is one.</summary>
    internal IPNetwork? Network => Address is null && IPNetwork.TryParse(IpAddress, out var network) ? network : null;

    /// <summary>Whether it selects one of the rows that <see cref="Apply"/> selects.</summary>
    internal bool IsMet(UserSession session) =>
        (Network is not { } network || IsIn(network, session.IpAddress) || IsIn(network, session.LastIpAddress))
        && (Device is null || Ascii.IsValid(Device) || IsIn(Device, session.UserAgent) || IsIn(Device, session.LastUserAgent));

    private static bool IsIn(string device, string? text) => text is not null && text.Contains(device, StringComparison.OrdinalIgnoreCase);

    private static bool IsIn(IPNetwork network, string? text) => text is not null && IPAddress.TryParse(text, out var address) && network.Contains(address.IsIPv4MappedToIPv6 ? address.MapToIPv4() : address);
}
