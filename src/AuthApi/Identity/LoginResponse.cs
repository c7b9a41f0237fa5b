using System.Text.Json.Serialization;
using AuthApi.Sessions;

namespace AuthApi.Identity;

/// <summary>The answer to a login.</summary>
/// <param name="User">The account that logged in.</param>
/// <param name="Session">The session that was started.</param>
/// <param name="SessionToken" example="3q2-7wAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA">
/// The token, with <c>"transport": "header"</c> only: send it as <c>Authorization: Session TOKEN</c>. It is returned this once.
/// </param>
public sealed record LoginResponse(
    UserResponse User,
    SessionResponse Session,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] string? SessionToken)
{
    public override string ToString() => nameof(LoginResponse);
}
