using AuthApi.Api;

namespace AuthApi.Sessions;

/// <summary>A session as its owner may see it: never the token, nor its hash.</summary>
/// <param name="Id" example="01998c5e-6c1f-7d0a-8a53-2f9c1d4b7e60">The session's public name. It gives no access.</param>
/// <param name="Current">Whether it is the session of this request.</param>
/// <param name="CreatedAt">When the user signed in.</param>
/// <param name="LastSeenAt">The last use, to the second.</param>
/// <param name="ExpiresAt">When it ends if it is not used again.</param>
/// <param name="IpAddress" example="203.0.113.7">The client's address at sign-in.</param>
/// <param name="UserAgent" example="Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0">The client's User-Agent at sign-in.</param>
/// <param name="Device" example="Firefox on Linux">That client, in words.</param>
/// <param name="Transport">How the token travels.</param>
/// <param name="AuthenticationMethods" example="[&quot;pwd&quot;]">How the user proved who they are (RFC 8176).</param>
public sealed record SessionResponse(
    string Id,
    bool Current,
    DateTimeOffset CreatedAt,
    DateTimeOffset LastSeenAt,
    DateTimeOffset ExpiresAt,
    string? IpAddress,
    string? UserAgent,
    string? Device,
    SessionTransport Transport,
    IReadOnlyList<string> AuthenticationMethods)
{
    internal static SessionResponse From(UserSession session, DateTimeOffset lastSeenAt, DateTimeOffset expiresAt, bool isCurrent) => new(
        session.Id.ToString(),
        isCurrent,
        session.CreatedAt,
        lastSeenAt,
        expiresAt,
        session.IpAddress,
        session.UserAgent,
        DeviceName.Of(session.UserAgent),
        session.Transport,
        session.AuthenticationMethods);
}
