using System.Text.Json.Serialization;

namespace AuthApi.Sessions;

/// <summary>How the client sends the session's token.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<SessionTransport>))]
public enum SessionTransport
{
    /// <summary>In the session cookie.</summary>
    [JsonStringEnumMemberName("cookie")]
    Cookie,

    /// <summary>In <c>Authorization: Session</c>, from a client without a cookie jar.</summary>
    [JsonStringEnumMemberName("header")]
    Header,
}

/// <summary>
/// A session is this row, and the row decides: who has signed in, since when, from where and how. An ended session has
/// no row.
/// </summary>
public record UserSession
{
    /// <summary>The session's public name, the claim <c>sid</c>. It is not the token and gives no access.</summary>
    public required Guid Id { get; init; }

    /// <summary>The user's id, as in Identity's claims. In the database it has the type of the user's key.</summary>
    public required string UserId { get; init; }

    /// <summary>The hash of the token that the client holds.</summary>
    public required TokenHash TokenHash { get; init; }

    /// <summary>The row's key: <see cref="TokenHash.Prefix"/>. The whole hash is compared beside it.</summary>
    public long Key { get => TokenHash.Prefix; private init { } }

    /// <summary>When the user signed in.</summary>
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

    /// <summary>How the client sends the token.</summary>
    public required SessionTransport Transport { get; init; }

    /// <summary>Whether the user asked to be remembered: longer limits, and a cookie that outlives the browser.</summary>
    public required bool RememberMe { get; init; }

    /// <summary>The client's address at sign-in.</summary>
    public string? IpAddress { get; init; }

    /// <summary>The client's <c>User-Agent</c> at sign-in, at most 512 characters, without control characters.</summary>
    public string? UserAgent { get; init; }

    /// <summary>The client's address at the last use that the store knows of.</summary>
    public string? LastIpAddress { get; init; }

    /// <summary>The client's <c>User-Agent</c> at the last use that the store knows of, as <see cref="UserAgent"/>.</summary>
    public string? LastUserAgent { get; init; }

    /// <summary>
    /// How often what the principal is made of has changed since the sign-in: the user's row, roles and claims. Another node that caches the
    /// principal learns from it that it is out of date.
    /// </summary>
    public int PrincipalVersion { get; init; }

    /// <summary>
    /// What a store has read of the user with the session, for the application's <see cref="ISessionPrincipalFactory"/>; <see langword="null"/> where
    /// it has read nothing. It is no part of the row.
    /// </summary>
    public object? User { get; init; }

    /// <summary>When the session ends if this was its last use: as long after it as the row's idle expiry is after the row's last use.</summary>
    /// <param name="lastSeenAt">The last use.</param>
    public DateTimeOffset IdleExpiresAtFrom(DateTimeOffset lastSeenAt)
    {
        var idle = lastSeenAt.AddSaturating(IdleExpiresAt - LastSeenAt);
        return idle < AbsoluteExpiresAt ? idle : AbsoluteExpiresAt;
    }
}
