using System.Buffers.Text;
using System.ComponentModel.DataAnnotations;
using System.Globalization;
using System.Text.Json;
using AuthApi.Api;
using AuthApi.Audit;
using AuthApi.Codes;
using AuthApi.Factors;
using AuthApi.Identity;
using AuthApi.Mail;
using AuthApi.Sessions;
using AuthApi.Storage;
using Microsoft.AspNetCore.Identity;
using Microsoft.AspNetCore.Mvc;
using Microsoft.EntityFrameworkCore;

namespace AuthApi.Accounts;

/// <summary>Changing, taking along and deleting the account of the caller. Reading it is apart, in <see cref="MeController"/>, as that needs no manager.</summary>
[ApiController]
[Produces("application/json")]
[Tags("Accounts")]
public sealed partial class OwnAccountController(
    ApplicationUserManager userManager,
    UserSessionManager sessions,
    IUserSessionStore store,
    IServiceProvider services,
    TimeProvider time,
    ILogger<OwnAccountController> logger) : ControllerBase
{
    private const int Page = 500;

    // Internal types: the constructor is public.
    private AuthDbContext Context => services.GetRequiredService<AuthDbContext>();

    /// <summary>Change my user name</summary>
    /// <remarks>A field that is left out stays as it is. Sessions go on: a name is no secret.</remarks>
    /// <response code="200">The account as it is now, and the session of this request.</response>
    [HttpPatch("/me/", Name = "updateMe")]
    [RequireRecentAuthentication]
    [ProducesResponseType<MeResponse>(StatusCodes.Status200OK)]
    [ProducesProblem(StatusCodes.Status403Forbidden, "`reauthentication_required`: this needs a recent authentication.")]
    [ProducesProblem(StatusCodes.Status409Conflict, "`user_name_taken`: another account has this user name.")]
    public async Task<ActionResult<MeResponse>> Update(UpdateMeRequest request)
    {
        var me = MeResponse.From(User, HttpContext.GetUserSession().ToResponse());
        if (request.UserName is null || request.UserName == me.UserName)
        {
            return me;
        }

        await using var transaction = await Context.Database.BeginTransactionAsync();
        if (await userManager.FindLockedCallerAsync() is not { } user)
        {
            return Challenge(); // the session has ended meanwhile
        }

        user.UserName = request.UserName;
        var result = await userManager.UpdateAsync(user);
        if (!result.Succeeded)
        {
            return result.Errors.Any(error => error.Code == nameof(IdentityErrorDescriber.DuplicateUserName))
                ? new ProblemResult(ApiProblem.UserNameTaken)
                : throw new InvalidOperationException(result.ToString());
        }

        await transaction.CommitAsync();
        return me with { UserName = user.UserName };
    }

    /// <summary>Delete my account</summary>
    /// <remarks>
    /// The account goes for good, with its sessions, codes and messages that wait to be sent. Of its events, addresses and devices of clients are deleted. The address
    /// and the user name are free again. The owner gets a last message; notices that wait for a former address are sent all the same.
    /// </remarks>
    /// <response code="204">The account is deleted. Its sessions have ended.</response>
    [HttpDelete("/me/", Name = "deleteMe")]
    [RequireRecentAuthentication]
    [ProducesResponseType(StatusCodes.Status204NoContent)]
    [ProducesProblem(StatusCodes.Status403Forbidden, "`reauthentication_required`: this needs a recent authentication.")]
    [ProducesProblem(StatusCodes.Status409Conflict, "`last_administrator`: nobody could administer any more.")]
    public async Task<ActionResult> Delete()
    {
        var id = User.GetUserId();
        await using var transaction = await Context.Database.BeginTransactionAsync();
        if (await services.GetRequiredService<Administrators>().IsLastAsync(id))
        {
            return new ProblemResult(ApiProblem.LastAdministrator);
        }

        if (await userManager.FindLockedCallerAsync() is not { } user)
        {
            return Challenge(); // the session has ended meanwhile
        }

        var email = user.Email!;
        Context.AddAuditEntry(new AuditEntry
        {
            At = time.GetUtcNow(),
            Event = AccountEvent.AccountDeleted,
            UserId = id.ToString(CultureInfo.InvariantCulture),
            SessionId = null,
        });
        services.GetRequiredService<MailQueue>().Add(email, services.GetRequiredService<MailTexts>().AccountDeleted(email), userId: null);
        var result = await userManager.DeleteAsync(user);
        if (!result.Succeeded)
        {
            throw new InvalidOperationException(result.ToString());
        }

        await transaction.CommitAsync();
        Log.Deleted(logger, id);
        return NoContent();
    }

    /// <summary>Take along all that is held about me</summary>
    /// <remarks>Everything that is stored about the account, as a file of JSON. Of secrets there is only that they exist: hashes and tokens are not in it.</remarks>
    /// <response code="200">The file.</response>
    [HttpGet("/me/export/", Name = "exportMe")]
    [RequireRecentAuthentication]
    [ProducesResponseType<ExportResponse>(StatusCodes.Status200OK)]
    [ProducesProblem(StatusCodes.Status403Forbidden, "`reauthentication_required`: this needs a recent authentication.")]
    public async Task<ActionResult<ExportResponse>> Export()
    {
        if (await userManager.GetUserAsync(User) is not { } user)
        {
            return Challenge(); // deleted meanwhile
        }

        var userId = user.Id.ToString(CultureInfo.InvariantCulture);
        var current = HttpContext.GetUserSession().Session.Id;
        var events = new List<ExportedEvent>();
        for (var before = long.MaxValue; ;)
        {
            var page = await store.ListEventsAsync(userId, before, Page);
            events.AddRange(page.Select(ExportedEvent.From));
            if (page.Count < Page)
            {
                break;
            }

            before = page[^1].Id;
        }

        var factors = await Context.Users.AsNoTracking().Where(stored => stored.Id == user.Id).Select(stored => new
        {
            Step = EF.Property<long>(stored, AuthenticatorStep.Column),
            NotifiedAt = EF.Property<DateTimeOffset?>(stored, WrongFactorNotice.Column),
            WrongCodes = EF.Property<int>(stored, WrongCodes.Column),
        }).SingleOrDefaultAsync();
        var passkeys = await Context.UserPasskeys.AsNoTracking().Where(passkey => passkey.UserId == user.Id).Select(passkey => new
        {
            Passkey = passkey,
            LastUsedAt = EF.Property<DateTimeOffset?>(passkey, PasskeyUse.LastUsedAt),
            Counter = EF.Property<long>(passkey, PasskeyUse.Counter),
        }).ToListAsync();

        Response.Headers.ContentDisposition = $"attachment; filename=\"account-{userId}.json\"";
        return new ExportResponse(
            new ExportedAccount(
                user.Id, user.Email!, user.EmailConfirmed, user.UserName!, user.CreatedAt, user.PhoneNumber, user.PhoneNumberConfirmed, user.PasswordHash is not null,
                user.MustChangePassword, user.TwoFactorEnabled, factors is { Step: > 0 } ? TimeStepCode.TimeOf(factors.Step) : null,
                await services.GetRequiredService<RecoveryCodes>().CountAsync(user), user.LockoutEnd, user.AccessFailedCount, factors?.NotifiedAt,
                factors?.WrongCodes ?? 0, user.IsRegisteredAgain),
            [.. await userManager.GetRolesAsync(user)],
            [.. (await userManager.GetClaimsAsync(user)).Select(claim => new ExportedClaim(claim.Type, claim.Value))],
            [.. (await userManager.GetLoginsAsync(user)).Select(login => new ExportedLogin(login.LoginProvider, login.ProviderKey, login.ProviderDisplayName))],
            [.. passkeys.Select(row => ExportedPasskey.From(row.Passkey, row.LastUsedAt, row.Counter)).OrderBy(passkey => passkey.CreatedAt)],
            await Context.Set<KnownDevice>().Where(device => device.UserId == user.Id).OrderByDescending(device => device.LastUsedAt)
                .Select(device => new ExportedDevice(device.Device, device.Network, device.LastUsedAt)).ToListAsync(),
            [.. (await sessions.ListAsync(userId)).Select(session => ExportedSession.From(session.ToResponse(session.Session.Id == current), session.Session))],
            events,
            await Context.Set<OneTimeCode>().Where(code => code.UserId == user.Id)
                .Select(code => new ExportedCode(code.Purpose, code.Data, code.CreatedAt, code.ExpiresAt, code.Tries)).ToListAsync(),
            await Context.Set<MailMessage>().Where(message => message.UserId == user.Id)
                .Select(message => new ExportedMessage(message.To, message.Subject, message.CreatedAt)).ToListAsync());
    }

    private static partial class Log
    {
        [LoggerMessage(1, LogLevel.Information, "User {UserId} deleted the account.")]
        public static partial void Deleted(ILogger logger, int userId);
    }
}

/// <summary>The body of <c>PATCH /me/</c>.</summary>
public sealed record UpdateMeRequest
{
    /// <summary>The new user name: 1 to 64 letters, digits, dots, hyphens and underscores. Left out or empty, it stays as it is.</summary>
    /// <example>ada</example>
    [RegularExpression("^[A-Za-z0-9._-]{0,64}$", ErrorMessage = "This must have 1 to 64 letters (a-z), digits, dots, hyphens or underscores.")]
    public string? UserName { get; init => field = value is "" ? null : value; }
}

/// <summary>All that is held about an account.</summary>
/// <param name="Account">The account.</param>
/// <param name="Roles">Its roles.</param>
/// <param name="Claims">Its claims.</param>
/// <param name="Logins">Its accounts elsewhere that can log in.</param>
/// <param name="Passkeys">Its passkeys.</param>
/// <param name="Devices">The devices and networks that it was signed in to from.</param>
/// <param name="Sessions">Its live sessions.</param>
/// <param name="Events">Its events, the latest first.</param>
/// <param name="Codes">Codes that were mailed and not used yet.</param>
/// <param name="Messages">Messages that wait to be sent.</param>
public sealed record ExportResponse(
    ExportedAccount Account,
    IReadOnlyList<string> Roles,
    IReadOnlyList<ExportedClaim> Claims,
    IReadOnlyList<ExportedLogin> Logins,
    IReadOnlyList<ExportedPasskey> Passkeys,
    IReadOnlyList<ExportedDevice> Devices,
    IReadOnlyList<ExportedSession> Sessions,
    IReadOnlyList<ExportedEvent> Events,
    IReadOnlyList<ExportedCode> Codes,
    IReadOnlyList<ExportedMessage> Messages);

/// <summary>The account itself.</summary>
/// <param name="Id">Its number.</param>
/// <param name="Email">Its address.</param>
/// <param name="EmailConfirmed">Whether the address is confirmed.</param>
/// <param name="UserName">Its user name.</param>
/// <param name="CreatedAt">When it was made.</param>
/// <param name="PhoneNumber">Its phone number.</param>
/// <param name="PhoneNumberConfirmed">Whether the phone number is confirmed.</param>
/// <param name="HasPassword">Whether it has a password.</param>
/// <param name="MustChangePassword">Whether another password is required.</param>
/// <param name="TwoFactorEnabled">Whether it has an authenticator app.</param>
/// <param name="AuthenticatorLastUsedAt">The time step of the last code of the app that was accepted.</param>
/// <param name="RecoveryCodesLeft">How many recovery codes were not used yet.</param>
/// <param name="LockedUntil">Until when logging in with the password is locked.</param>
/// <param name="FailedLogins">How many failed logins count towards a lock.</param>
/// <param name="WrongFactorNotifiedAt">When the owner was last notified of a wrong code after the right password.</param>
/// <param name="WrongCodes">How many codes of the authenticator app were wrong in a row.</param>
/// <param name="RegisteredAgain">Whether somebody has registered with the address again before it was confirmed.</param>
public sealed record ExportedAccount(
    int Id, string Email, bool EmailConfirmed, string UserName, DateTimeOffset CreatedAt, string? PhoneNumber, bool PhoneNumberConfirmed, bool HasPassword,
    bool MustChangePassword, bool TwoFactorEnabled, DateTimeOffset? AuthenticatorLastUsedAt, int RecoveryCodesLeft, DateTimeOffset? LockedUntil, int FailedLogins,
    DateTimeOffset? WrongFactorNotifiedAt, int WrongCodes, bool RegisteredAgain);

/// <summary>A claim.</summary>
public sealed record ExportedClaim(string Type, string Value);

/// <summary>An account elsewhere.</summary>
public sealed record ExportedLogin(string Provider, string Key, string? Name);

/// <summary>A passkey.</summary>
/// <param name="Id">The credential's id, in base64url.</param>
/// <param name="Name">Its name.</param>
/// <param name="CreatedAt">When it was added.</param>
/// <param name="LastUsedAt">When it was last used.</param>
/// <param name="Uses">The authenticator's own count of its uses; 0 where it does not count.</param>
/// <param name="PublicKey">Its public key (COSE), in base64url.</param>
/// <param name="Transports">How a client reaches the authenticator.</param>
/// <param name="IsUserVerified">Whether the authenticator verified the person when it was added.</param>
/// <param name="IsBackupEligible">Whether the authenticator may back it up.</param>
/// <param name="IsBackedUp">Whether the authenticator had backed it up.</param>
public sealed record ExportedPasskey(
    string Id, string? Name, DateTimeOffset CreatedAt, DateTimeOffset? LastUsedAt, long Uses, string PublicKey, IReadOnlyList<string> Transports, bool IsUserVerified,
    bool IsBackupEligible, bool IsBackedUp)
{
    internal static ExportedPasskey From(IdentityUserPasskey<int> passkey, DateTimeOffset? lastUsedAt, long uses) => new(
        Base64Url.EncodeToString(passkey.CredentialId), passkey.Data.Name, passkey.Data.CreatedAt, lastUsedAt, uses, Base64Url.EncodeToString(passkey.Data.PublicKey),
        passkey.Data.Transports ?? [], passkey.Data.IsUserVerified, passkey.Data.IsBackupEligible, passkey.Data.IsBackedUp);
}

/// <summary>A device and network that the account was signed in to from.</summary>
public sealed record ExportedDevice(string Device, string Network, DateTimeOffset LastUsedAt);

/// <summary>A session: what <c>GET /sessions/</c> says of it, and the rest.</summary>
/// <param name="Id">The session's id.</param>
/// <param name="Current">Whether this is the session of the request.</param>
/// <param name="CreatedAt">When the user signed in.</param>
/// <param name="AuthenticatedAt">When the user last proved who they are in it.</param>
/// <param name="LastSeenAt">When it was last used.</param>
/// <param name="ExpiresAt">When it expires if it is not used again.</param>
/// <param name="EndsAt">When it expires however much it is used.</param>
/// <param name="IpAddress">The client's address at sign-in.</param>
/// <param name="UserAgent">The client's User-Agent at sign-in.</param>
/// <param name="Device">The client at sign-in in words.</param>
/// <param name="LastIpAddress">The client's address at the last use.</param>
/// <param name="LastUserAgent">The client's User-Agent at the last use.</param>
/// <param name="LastDevice">The client at the last use in words.</param>
/// <param name="Transport">How the client sends the token.</param>
/// <param name="RememberMe">Whether it has the longer limits.</param>
/// <param name="AuthenticationMethods">How the user authenticated, in the names of RFC 8176.</param>
public sealed record ExportedSession(
    string Id, bool Current, DateTimeOffset CreatedAt, DateTimeOffset AuthenticatedAt, DateTimeOffset LastSeenAt, DateTimeOffset ExpiresAt, DateTimeOffset EndsAt,
    string? IpAddress, string? UserAgent, string? Device, string? LastIpAddress, string? LastUserAgent, string? LastDevice, SessionTransport Transport, bool RememberMe,
    IReadOnlyList<string> AuthenticationMethods)
{
    internal static ExportedSession From(SessionResponse known, UserSession stored) => new(
        known.Id, known.Current, known.CreatedAt, stored.AuthenticatedAt, known.LastSeenAt, known.ExpiresAt, stored.AbsoluteExpiresAt, known.IpAddress, known.UserAgent,
        known.Device, known.LastIpAddress, stored.LastUserAgent ?? stored.UserAgent, known.LastDevice, known.Transport, stored.RememberMe, known.AuthenticationMethods);
}

/// <summary>An event.</summary>
public sealed record ExportedEvent(long Id, DateTimeOffset At, string Event, Guid? SessionId, Guid? BySessionId, string? Reason, string? IpAddress, string? UserAgent)
{
    internal static ExportedEvent From(AuditEntry entry) => new(
        entry.Id, entry.At, JsonNamingPolicy.SnakeCaseLower.ConvertName(entry.Event), entry.SessionId, entry.BySessionId, entry.Reason, entry.IpAddress, entry.UserAgent);
}

/// <summary>A code that was mailed, without the code.</summary>
public sealed record ExportedCode(string Purpose, string? Data, DateTimeOffset CreatedAt, DateTimeOffset ExpiresAt, int WrongTries);

/// <summary>A message that waits to be sent.</summary>
public sealed record ExportedMessage(string To, string Subject, DateTimeOffset CreatedAt);
