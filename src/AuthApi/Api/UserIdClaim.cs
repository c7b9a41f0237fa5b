using System.Globalization;
using System.Security.Claims;

namespace AuthApi.Api;

/// <summary>Reads the user's id from a principal.</summary>
public static class UserIdClaim
{
    /// <summary>The user's id.</summary>
    /// <exception cref="InvalidOperationException">The principal has none: the request was not authenticated.</exception>
    public static int GetUserId(this ClaimsPrincipal user) => int.Parse(
        user.FindFirstValue(ClaimTypes.NameIdentifier) ?? throw new InvalidOperationException("The principal has no user id."),
        CultureInfo.InvariantCulture);
}
