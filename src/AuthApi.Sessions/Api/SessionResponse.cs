namespace AuthApi.Sessions;

/// <summary>A session, without its token.</summary>
/// <param name="Id" example="01998c5e-6c1f-7d0a-8a53-2f9c1d4b7e60">The session's id. It is not the token and gives no access.</param>
/// <param name="Current">Whether this is the session of the request.</param>
/// <param name="CreatedAt">When the user signed in.</param>
/// <param name="LastSeenAt">When it was last used, to the second.</param>
/// <param name="ExpiresAt">When it expires if it is not used again.</param>
/// <param name="IpAddress" example="203.0.113.7">The client's address at sign-in.</param>
/// <param name="UserAgent" example="Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0">The client's User-Agent at sign-in.</param>
/// <param name="Device" example="Firefox on Linux">The client at sign-in in words, from its User-Agent.</param>
/// <param name="LastIpAddress" example="203.0.113.7">The client's address at the last use.</param>
/// <param name="LastDevice" example="Firefox on Linux">The client at the last use in words. Where it is not <c>device</c>, somebody else may have the token.</param>
/// <param name="Transport">How the client sends the token.</param>
/// <param name="AuthenticationMethods" example="[&quot;pwd&quot;]">How the user authenticated, in the names of RFC 8176.</param>
public sealed record SessionResponse(
    string Id,
    bool Current,
    DateTimeOffset CreatedAt,
    DateTimeOffset LastSeenAt,
    DateTimeOffset ExpiresAt,
    string? IpAddress,
    string? UserAgent,
    string? Device,
    string? LastIpAddress,
    string? LastDevice,
    SessionTransport Transport,
    IReadOnlyList<string> AuthenticationMethods)
{
    internal static SessionResponse From(UserSession session, bool isCurrent)
    {
        var device = DeviceName.Of(session.UserAgent);
        return new SessionResponse(
            session.Id.ToString(),
            isCurrent,
            session.CreatedAt,
            session.LastSeenAt,
            session.IdleExpiresAt,
            session.IpAddress,
            session.UserAgent,
            device,
            session.LastIpAddress ?? session.IpAddress,
            session.LastUserAgent is null || session.LastUserAgent == session.UserAgent ? device : DeviceName.Of(session.LastUserAgent),
            session.Transport,
            session.AuthenticationMethods);
    }
}
