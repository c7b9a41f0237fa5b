using System.ComponentModel.DataAnnotations;
using System.Globalization;
using AuthApi.Api;
using AuthApi.Audit;
using AuthApi.Factors;
using AuthApi.Identity;
using AuthApi.Sessions;
using AuthApi.Storage;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Mvc;
using Microsoft.EntityFrameworkCore;

namespace AuthApi.Administration;

/// <summary>Everybody's accounts and sessions, for administrators.</summary>
[ApiController]
[Authorize(Roles = AccountRoles.Admin)]
[Produces("application/json")]
[ProducesProblem(StatusCodes.Status403Forbidden, AdministrationCalls.Forbidden)]
[Tags(AdministrationCalls.Tag)]
public sealed class UsersController(IServiceProvider services) : ControllerBase
{
    // Internal types: the constructor is public.
    private AccountAdministration Administration => services.GetRequiredService<AccountAdministration>();

    private AuthDbContext Context => services.GetRequiredService<AuthDbContext>();

    /// <summary>List accounts</summary>
    /// <remarks>
    /// In the order of their ids, or those that a search finds: the account with this id, then those whose user name begins with the text, then those whose address does.
    /// Case does not count, and no character means any other. Nothing is found by what stands in the middle, such as the domain of an address. A page may have fewer items than asked for, and still a next one.
    /// </remarks>
    /// <param name="search" example="ada">The beginning of an address or user name, or an id.</param>
    /// <param name="after">The <c>next</c> of the previous page, with the same search; nothing for the first page.</param>
    /// <param name="limit" example="20">The maximum number of items, 1 to 100.</param>
    /// <response code="200">A page of accounts. <c>next</c> is null on the last page.</response>
    [HttpGet("/admin/users/", Name = "listUsers")]
    [RecordRead(AdministrationEvent.UsersRead)]
    [ProducesResponseType<UsersResponse>(StatusCodes.Status200OK)]
    public async Task<ActionResult<UsersResponse>> List(
        [FromQuery, RegularExpression(@"^[^\u0000-\u001F\u007F]{0,256}$", ErrorMessage = "This must have at most 256 characters, and no control characters.")] string? search,
        [FromQuery] string? after,
        [FromQuery, Range(1, 100, ErrorMessage = "This must be between 1 and 100.")] int limit = 20) =>
        await services.GetRequiredService<UserList>().ReadAsync(search, after, limit) is { } page
            ? new UsersResponse(page.Items, page.Next)
            : ProblemResult.Invalid(nameof(after), AdministrationAnswers.NotACursor);

    /// <summary>See an account</summary>
    /// <remarks>With its roles, its factors, how many recovery codes are left, and how many live sessions it has.</remarks>
    /// <param name="id" example="42">The account's id.</param>
    /// <response code="200">The account, with its factors and the number of its live sessions.</response>
    [HttpGet("/admin/users/{id}/", Name = "user")]
    [RecordRead(AdministrationEvent.UserRead)]
    [ProducesResponseType<UserDetailResponse>(StatusCodes.Status200OK)]
    [ProducesProblem(StatusCodes.Status404NotFound, AdministrationAnswers.NoUser)]
    public async Task<ActionResult<UserDetailResponse>> Get(int id)
    {
        if (await Context.Users.AsNoTracking().SingleOrDefaultAsync(user => user.Id == id) is not { } user)
        {
            return new ProblemResult(ApiProblem.NotFound);
        }

        return await UserDetailResponse.ReadAsync(services, user);
    }

    /// <summary>Disable an account</summary>
    /// <remarks>Ends its sessions at once. It cannot sign in: a login is answered as that of an unknown user, in words and time. The owner is notified by mail.</remarks>
    /// <param name="id" example="42">The account's id.</param>
    /// <response code="204">It is disabled, and its sessions have ended.</response>
    [HttpPost("/admin/users/{id}/disable/", Name = "disableUser")]
    [RequireRecentFactor]
    [ProducesResponseType(StatusCodes.Status204NoContent)]
    [ProducesProblem(StatusCodes.Status404NotFound, AdministrationAnswers.NoUser)]
    [ProducesProblem(StatusCodes.Status409Conflict, AdministrationAnswers.LastAdministrator)]
    public async Task<ActionResult> Disable(int id) => Answer(await Administration.DisableAsync(id));

    /// <summary>Enable an account again</summary>
    /// <remarks>A lock after wrong passwords is lifted too. Sessions do not come back.</remarks>
    /// <param name="id" example="42">The account's id.</param>
    /// <response code="204">It is enabled.</response>
    [HttpPost("/admin/users/{id}/enable/", Name = "enableUser")]
    [RequireRecentFactor]
    [ProducesResponseType(StatusCodes.Status204NoContent)]
    [ProducesProblem(StatusCodes.Status404NotFound, AdministrationAnswers.NoUser)]
    public async Task<ActionResult> Enable(int id) => Answer(await Administration.EnableAsync(id));

    /// <summary>Remove passkeys and the second factor of an account</summary>
    /// <remarks>For an owner who has lost the device. Recovery codes go too, and the sessions end. The owner signs in with the password, and is notified by mail.</remarks>
    /// <param name="id" example="42">The account's id.</param>
    /// <response code="204">They are removed, and the sessions have ended.</response>
    [HttpPost("/admin/users/{id}/reset-factors/", Name = "resetFactors")]
    [RequireRecentFactor]
    [ProducesResponseType(StatusCodes.Status204NoContent)]
    [ProducesProblem(StatusCodes.Status404NotFound, AdministrationAnswers.NoUser)]
    public async Task<ActionResult> ResetFactors(int id) => Answer(await Administration.ResetFactorsAsync(id));

    /// <summary>Require another password at the next sign-in</summary>
    /// <remarks>
    /// Ends the sessions. A login with the right password is then 403 <c>password_change_required</c>, until the owner has set another one by <c>POST /password/forgot/</c>
    /// and <c>POST /password/reset/</c>. The owner is notified by mail.
    /// </remarks>
    /// <param name="id" example="42">The account's id.</param>
    /// <response code="204">It is required, and the sessions have ended.</response>
    [HttpPost("/admin/users/{id}/require-password-change/", Name = "requirePasswordChange")]
    [RequireRecentFactor]
    [ProducesResponseType(StatusCodes.Status204NoContent)]
    [ProducesProblem(StatusCodes.Status404NotFound, AdministrationAnswers.NoUser)]
    [ProducesProblem(StatusCodes.Status503ServiceUnavailable, "`mail_not_configured`: the owner could not get the code that sets another password. `store_unavailable`: the store is out of reach. Try again after `Retry-After` seconds.")]
    public async Task<ActionResult> RequirePasswordChange(int id) => Answer(await Administration.RequirePasswordChangeAsync(id));

    /// <summary>Delete an account</summary>
    /// <remarks>It goes for good, with its sessions and all that is held about it, as when its owner deletes it. The owner gets a last message.</remarks>
    /// <param name="id" example="42">The account's id.</param>
    /// <response code="204">It is deleted, and its sessions have ended.</response>
    [HttpDelete("/admin/users/{id}/", Name = "deleteUser")]
    [RequireRecentFactor]
    [ProducesResponseType(StatusCodes.Status204NoContent)]
    [ProducesProblem(StatusCodes.Status404NotFound, AdministrationAnswers.NoUser)]
    [ProducesProblem(StatusCodes.Status409Conflict, AdministrationAnswers.LastAdministrator)]
    public async Task<ActionResult> Delete(int id) => Answer(await Administration.DeleteAsync(id));

    /// <summary>Grant a role</summary>
    /// <remarks>It is in force in the next request of each of the account's sessions, on every node. The owner is notified by mail.</remarks>
    /// <param name="id" example="42">The account's id.</param>
    /// <param name="role" example="Admin">The role: <c>Admin</c>.</param>
    /// <response code="204">The account has the role.</response>
    [HttpPut("/admin/users/{id}/roles/{role}/", Name = "grantRole")]
    [RequireRecentFactor]
    [ProducesResponseType(StatusCodes.Status204NoContent)]
    [ProducesProblem(StatusCodes.Status404NotFound, "`not_found`: there is no account with this id, or no role with this name.")]
    public async Task<ActionResult> Grant(int id, string role) => Answer(await Administration.GrantAsync(id, role));

    /// <summary>Take a role away</summary>
    /// <remarks>It is in force in the next request of each of the account's sessions, on every node. The owner is notified by mail.</remarks>
    /// <param name="id" example="42">The account's id.</param>
    /// <param name="role" example="Admin">The role: <c>Admin</c>.</param>
    /// <response code="204">The account does not have the role.</response>
    [HttpDelete("/admin/users/{id}/roles/{role}/", Name = "removeRole")]
    [RequireRecentFactor]
    [ProducesResponseType(StatusCodes.Status204NoContent)]
    [ProducesProblem(StatusCodes.Status404NotFound, "`not_found`: there is no account with this id, or no role with this name to take away.")]
    [ProducesProblem(StatusCodes.Status409Conflict, AdministrationAnswers.LastAdministrator)]
    public async Task<ActionResult> Remove(int id, string role) => Answer(await Administration.RemoveAsync(id, role));

    private ActionResult Answer(ApiProblem? problem) => problem is null ? NoContent() : new ProblemResult(problem);
}

/// <summary>A page of accounts.</summary>
/// <param name="Items">The accounts.</param>
/// <param name="Next">The <c>after</c> of the next page; null on the last page.</param>
public sealed record UsersResponse(IReadOnlyList<UserItem> Items, string? Next);

/// <summary>An account, as an administrator sees it.</summary>
/// <param name="Id" example="42">The account's id.</param>
/// <param name="Email" example="ada@example.com">Its address.</param>
/// <param name="EmailConfirmed">Whether the address has been confirmed.</param>
/// <param name="UserName" example="ada">Its user name.</param>
/// <param name="CreatedAt">When it was made.</param>
/// <param name="DisabledAt">When it was disabled; null where it is not.</param>
/// <param name="LockedUntil">Until when it is locked after wrong passwords; null where it is not.</param>
/// <param name="MustChangePassword">Whether it must set another password before it can sign in.</param>
/// <param name="TwoFactorEnabled">Whether it has a second factor.</param>
/// <param name="Roles" example="[&quot;Admin&quot;]">Its roles.</param>
public sealed record UserItem(
    int Id,
    string Email,
    bool EmailConfirmed,
    string UserName,
    DateTimeOffset CreatedAt,
    DateTimeOffset? DisabledAt,
    DateTimeOffset? LockedUntil,
    bool MustChangePassword,
    bool TwoFactorEnabled,
    IReadOnlyList<string> Roles)
{
    internal static UserItem From(ApplicationUser user, IEnumerable<string?> roles) => new(
        user.Id, user.Email!, user.EmailConfirmed, user.UserName!, user.CreatedAt, user.DisabledAt, user.LockoutEnd, user.MustChangePassword, user.TwoFactorEnabled,
        [.. roles.OfType<string>()]);
}

/// <summary>An account with its factors and counts.</summary>
/// <param name="User">The account.</param>
/// <param name="HasPassword">Whether it has a password.</param>
/// <param name="Passkeys" example="1">How many passkeys it has.</param>
/// <param name="RecoveryCodesLeft" example="10">How many recovery codes it has that were not used.</param>
/// <param name="FailedLogins" example="0">How many wrong passwords there were since the last right one.</param>
/// <param name="Sessions" example="3">How many live sessions it has.</param>
public sealed record UserDetailResponse(UserItem User, bool HasPassword, int Passkeys, int RecoveryCodesLeft, int FailedLogins, int Sessions)
{
    internal static async Task<UserDetailResponse> ReadAsync(IServiceProvider services, ApplicationUser user)
    {
        var context = services.GetRequiredService<AuthDbContext>();
        var roles = await (from member in context.UserRoles join role in context.Roles on member.RoleId equals role.Id where member.UserId == user.Id orderby role.Name select role.Name).ToListAsync();
        return new UserDetailResponse(
            UserItem.From(user, roles),
            user.PasswordHash is not null,
            await context.UserPasskeys.CountAsync(passkey => passkey.UserId == user.Id),
            await services.GetRequiredService<RecoveryCodes>().CountAsync(user),
            user.AccessFailedCount,
            (await services.GetRequiredService<UserSessionManager>().ListAsync(user.Id.ToString(CultureInfo.InvariantCulture))).Count);
    }
}
