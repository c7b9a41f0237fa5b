using System.Globalization;
using System.Security.Claims;

namespace AuthApi.Api;

/// <summary>Reads from a principal whose it is.</summary>
public static class UserIdClaim
{
    /// <summary>The user's id.</summary>
    /// <exception cref="InvalidOperationException">The principal is nobody's: the call asks for no session, or was not authenticated.</exception>
    public static int GetUserId(this ClaimsPrincipal user) => user is KnownUser known
        ? known.UserId
        : int.Parse(
            user.FindFirstValue(ClaimTypes.NameIdentifier) ?? throw new InvalidOperationException("The principal has no user id."),
            CultureInfo.InvariantCulture);
}

/// <summary>A principal of whom it is known which user it is, so that it need not be read from a claim each time.</summary>
internal abstract class KnownUser(ClaimsPrincipal principal, int userId) : ClaimsPrincipal(principal.Identities)
{
    public int UserId => userId;
}
