using System.Buffers.Text;
using System.ComponentModel.DataAnnotations;
using System.Text.Json;
using AuthApi.Api;
using AuthApi.Audit;
using AuthApi.Factors;
using AuthApi.Identity;
using AuthApi.Mail;
using AuthApi.Sessions;
using AuthApi.Storage;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Identity;
using Microsoft.AspNetCore.Mvc;
using Microsoft.AspNetCore.Mvc.ModelBinding.Validation;
using Microsoft.EntityFrameworkCore;

namespace AuthApi.Passkeys;

/// <summary>The passkeys of the caller.</summary>
[ApiController]
[Produces("application/json")]
[Tags("Passkeys")]
public sealed partial class PasskeysController(
    ApplicationUserManager userManager, IServiceProvider services, TimeProvider time, ILogger<PasskeysController> logger) : ControllerBase
{
    private const int MaxPerUser = 20;

    // Internal types: the constructor is public.
    private AuthDbContext Context => services.GetRequiredService<AuthDbContext>();

    private PasskeyCeremonies Ceremonies => services.GetRequiredService<PasskeyCeremonies>();

    /// <summary>See my passkeys</summary>
    /// <remarks>
    /// <c>signal</c> is what a page passes to <c>PublicKeyCredential.signalAllAcceptedCredentials</c> and <c>signalCurrentUserDetails</c>, by which a device forgets
    /// passkeys that were deleted here, and shows the account under its present name.
    /// </remarks>
    /// <response code="200">The passkeys, the oldest first.</response>
    [HttpGet("/passkeys/", Name = "listPasskeys")]
    [Authorize]
    [AllowRecoverySession]
    [ProducesResponseType<PasskeysResponse>(StatusCodes.Status200OK)]
    public async Task<ActionResult<PasskeysResponse>> List()
    {
        if (await userManager.GetUserAsync(User) is not { } user)
        {
            return Challenge(); // deleted meanwhile
        }

        var stored = await Context.UserPasskeys.AsNoTracking().Where(passkey => passkey.UserId == user.Id)
            .Select(passkey => new { Passkey = passkey, LastUsedAt = EF.Property<DateTimeOffset?>(passkey, PasskeyUse.LastUsedAt) }).ToListAsync();
        PasskeyResponse[] items = [.. stored.Select(row => ToResponse(row.Passkey, row.LastUsedAt)).OrderBy(item => item.CreatedAt).ThenBy(item => item.Id, StringComparer.Ordinal)];
        return new PasskeysResponse(
            items, new PasskeySignal(Ceremonies.ServerDomain, PasskeyCeremonies.HandleOf(user), [.. items.Select(item => item.Id)], user.Email!, user.UserName!));
    }

    /// <summary>Begin to add a passkey</summary>
    /// <remarks>Asks the client for a passkey that it can find by itself at a login, and for none that the account has already.</remarks>
    /// <response code="200">The options, for <c>PublicKeyCredential.parseCreationOptionsFromJSON</c> and <c>navigator.credentials.create</c>. They are good for five minutes, once, in this session.</response>
    [HttpPost("/passkeys/options/", Name = "passkeyOptions")]
    [RequireRecentFactor]
    [AllowRecoverySession]
    [ProducesResponseType<object>(StatusCodes.Status200OK)]
    [ProducesProblem(StatusCodes.Status403Forbidden, RecentFactor.Answer)]
    [ProducesProblem(StatusCodes.Status409Conflict, "`too_many_passkeys`: the account has 20 passkeys.")]
    public async Task<ActionResult> Begin()
    {
        if (await userManager.GetUserAsync(User) is not { } user)
        {
            return Challenge();
        }

        if (await Context.UserPasskeys.CountAsync(passkey => passkey.UserId == user.Id) >= MaxPerUser)
        {
            return new ProblemResult(ApiProblem.TooManyPasskeys);
        }

        return await Ceremonies.BeginRegistrationAsync(user, HttpContext.GetUserSession().Session.Id) is { } options ? Ok(options) : Challenge();
    }

    /// <summary>Add a passkey</summary>
    /// <remarks>
    /// Takes the answer of the authenticator, as <c>PublicKeyCredential.toJSON()</c> returns it. Sessions go on. The owner is notified by mail, and mailed a code for
    /// <c>POST /email/confirm/</c> where the address is not confirmed: until it is, a password that is set with a mailed code removes the passkeys.
    /// </remarks>
    /// <response code="201">The passkey can log in.</response>
    [HttpPost("/passkeys/", Name = "addPasskey")]
    [RequireRecentFactor]
    [AllowRecoverySession]
    [ProducesResponseType<AddedPasskeyResponse>(StatusCodes.Status201Created)]
    [ProducesProblem(StatusCodes.Status400BadRequest, "`invalid_credential`: the answer is not valid here, is for other options, has expired, or was used already; or the passkey has been added before. `validation_failed`: a field is not valid (see `errors`). `malformed_json`: the body is not a JSON object.")]
    [ProducesProblem(StatusCodes.Status403Forbidden, RecentFactor.Answer)]
    [ProducesProblem(StatusCodes.Status409Conflict, "`too_many_passkeys`: the account has 20 passkeys.")]
    public async Task<ActionResult<AddedPasskeyResponse>> Add(AddPasskeyRequest request)
    {
        if (request.Credential is not { ValueKind: JsonValueKind.Object } credential)
        {
            return ProblemResult.Invalid("credential", "This must be the object that PublicKeyCredential.toJSON() returns.");
        }

        if (await userManager.GetUserAsync(User) is not { } user)
        {
            return Challenge();
        }

        if (await Ceremonies.FinishRegistrationAsync(credential, user, HttpContext.GetUserSession().Session.Id) is not { } finished)
        {
            return new ProblemResult(ApiProblem.InvalidCredential);
        }

        var passkey = finished.Passkey;
        passkey.Data.Name = request.Name;
        await using var transaction = await Context.Database.BeginTransactionAsync();
        if (await userManager.FindLockedCallerAsync() is null)
        {
            return Challenge(); // the session has ended meanwhile
        }

        if (await Context.UserPasskeys.CountAsync(stored => stored.UserId == user.Id) >= MaxPerUser)
        {
            return new ProblemResult(ApiProblem.TooManyPasskeys);
        }

        Record(user, AccountEvent.PasskeyAdded, (texts, at, ipAddress, device) => texts.PasskeyAdded(user.Email!, request.Name, at, ipAddress, device));
        await services.GetRequiredService<FactorConfirmation>().AskAsync(user);
        if (!await Ceremonies.TryStoreAsync(passkey, finished.Counter))
        {
            return new ProblemResult(ApiProblem.InvalidCredential); // added by another call meanwhile
        }

        await transaction.CommitAsync();
        Log.Added(logger, user.Id);
        var response = ToResponse(passkey, lastUsedAt: null);
        return Created($"{Request.PathBase}/passkeys/{response.Id}/", new AddedPasskeyResponse(response.Id, response.Name, response.CreatedAt));
    }

    /// <summary>Give a passkey another name</summary>
    /// <remarks>The name is for its owner, and in messages about it; the device has one of its own.</remarks>
    /// <param name="id">The passkey's <c>id</c> in <c>GET /passkeys/</c>.</param>
    /// <param name="request">The new name.</param>
    /// <response code="200">The passkey as it is now.</response>
    [HttpPatch("/passkeys/{id}/", Name = "renamePasskey")]
    [RequireRecentFactor]
    [ProducesResponseType<PasskeyResponse>(StatusCodes.Status200OK)]
    [ProducesProblem(StatusCodes.Status403Forbidden, RecentFactor.Answer)]
    [ProducesProblem(StatusCodes.Status404NotFound, "`not_found`: the account has no passkey with this id.")]
    public async Task<ActionResult<PasskeyResponse>> Rename(string id, RenamePasskeyRequest request)
    {
        var userId = User.GetUserId();
        await using var transaction = await Context.Database.BeginTransactionAsync();
        if (await userManager.FindLockedCallerAsync() is null)
        {
            return Challenge(); // the session has ended meanwhile
        }

        if (await FindAsync(userId, id) is not { } passkey)
        {
            return new ProblemResult(ApiProblem.NotFound);
        }

        passkey.Data.Name = request.Name;
        Context.AddAccountEvent(HttpContext, time, userId, AccountEvent.PasskeyRenamed, HttpContext.GetUserSession().Session.Id);
        await Context.SaveChangesAsync();
        await transaction.CommitAsync();
        return ToResponse(passkey, (DateTimeOffset?)Context.Entry(passkey).Property(PasskeyUse.LastUsedAt).CurrentValue);
    }

    /// <summary>Delete a passkey</summary>
    /// <remarks>It can log in no longer. Sessions that it has begun go on: end them by <c>POST /logout/?scope=others</c>. The owner is notified by mail.</remarks>
    /// <param name="id">The passkey's <c>id</c> in <c>GET /passkeys/</c>.</param>
    /// <response code="204">The passkey is deleted.</response>
    [HttpDelete("/passkeys/{id}/", Name = "deletePasskey")]
    [RequireRecentFactor]
    [ProducesResponseType(StatusCodes.Status204NoContent)]
    [ProducesProblem(StatusCodes.Status403Forbidden, RecentFactor.Answer)]
    [ProducesProblem(StatusCodes.Status404NotFound, "`not_found`: the account has no passkey with this id.")]
    [ProducesProblem(StatusCodes.Status409Conflict, "`last_credential`: the account has no password and no other passkey.")]
    public async Task<ActionResult> Delete(string id)
    {
        var (problem, _) = await DeleteAsync(id, others: false);
        return problem is null ? NoContent() : new ProblemResult(problem);
    }

    /// <summary>Delete all passkeys but one</summary>
    /// <remarks>For who does not know all of them, as after a recovery: the one that they hold stays. The owner is notified by mail.</remarks>
    /// <param name="except">The <c>id</c> of the passkey that stays.</param>
    /// <response code="200">The others are deleted.</response>
    [HttpDelete("/passkeys/", Name = "deleteOtherPasskeys")]
    [RequireRecentFactor]
    [ProducesResponseType<RemovedPasskeysResponse>(StatusCodes.Status200OK)]
    [ProducesProblem(StatusCodes.Status400BadRequest, "`validation_failed`: `except` is missing.")]
    [ProducesProblem(StatusCodes.Status403Forbidden, RecentFactor.Answer)]
    [ProducesProblem(StatusCodes.Status404NotFound, "`not_found`: the account has no passkey with this id.")]
    public async Task<ActionResult<RemovedPasskeysResponse>> DeleteOthers([FromQuery, Required(ErrorMessage = "This is required.")] string? except)
    {
        var (problem, removed) = await DeleteAsync(except!, others: true);
        return problem is null ? new RemovedPasskeysResponse(removed) : new ProblemResult(problem);
    }

    // Deletes a passkey, or all others.
    private async Task<(ApiProblem? Problem, int Removed)> DeleteAsync(string id, bool others)
    {
        await using var transaction = await Context.Database.BeginTransactionAsync();
        if (await userManager.FindLockedCallerAsync() is not { } user)
        {
            return (ApiProblem.NotAuthenticated, 0); // the session has ended meanwhile
        }

        var all = await Context.UserPasskeys.Where(passkey => passkey.UserId == user.Id).ToListAsync();
        if (!all.Exists(passkey => IdOf(passkey) == id))
        {
            return (ApiProblem.NotFound, 0); // also where another call has deleted meanwhile the one that this would keep
        }

        var removed = all.FindAll(passkey => (IdOf(passkey) == id) != others);
        if (removed.Count == 0)
        {
            return (null, 0);
        }

        if (user.PasswordHash is null && removed.Count == all.Count)
        {
            return (ApiProblem.LastCredential, 0);
        }

        Context.RemoveRange(removed);
        Record(
            user,
            AccountEvent.PasskeyRemoved,
            (texts, at, ipAddress, device) => texts.PasskeysRemoved(user.Email!, [.. removed.Select(passkey => passkey.Data.Name ?? "")], at, ipAddress, device));
        await Context.SaveChangesAsync();
        await transaction.CommitAsync();
        Log.Removed(logger, user.Id, removed.Count);
        return (null, removed.Count);
    }

    private async Task<IdentityUserPasskey<int>?> FindAsync(int userId, string id)
    {
        var bytes = new byte[Base64Url.GetMaxDecodedLength(id.Length)];
        if (!Base64Url.IsValid(id, out var length) || !Base64Url.TryDecodeFromChars(id, bytes, out length))
        {
            return null;
        }

        // An id has one form, though the decoder takes padding and spaces too: ids are also compared as they are written.
        bytes = bytes[..length];
        return Base64Url.EncodeToString(bytes) != id ? null : await Context.UserPasskeys.SingleOrDefaultAsync(passkey => passkey.UserId == userId && passkey.CredentialId == bytes);
    }

    // Saved with what it reports.
    private void Record(ApplicationUser user, string what, Func<MailTexts, DateTimeOffset, string?, string?, MailContent> words)
    {
        var session = HttpContext.GetUserSession();
        Context.AddAccountEvent(HttpContext, time, user.Id, what, session.Session.Id);
        var content = words(services.GetRequiredService<MailTexts>(), time.GetUtcNow(), ClientInfo.Of(HttpContext).IpAddress, session.ToResponse().Device);
        services.GetRequiredService<MailQueue>().Add(user.Email!, content, user.Id);
    }

    private static string IdOf(IdentityUserPasskey<int> passkey) => Base64Url.EncodeToString(passkey.CredentialId);

    private static PasskeyResponse ToResponse(IdentityUserPasskey<int> passkey, DateTimeOffset? lastUsedAt) =>
        new(IdOf(passkey), passkey.Data.Name ?? "", passkey.Data.CreatedAt, lastUsedAt);

    private static partial class Log
    {
        [LoggerMessage(1, LogLevel.Information, "User {UserId} added a passkey.")]
        public static partial void Added(ILogger logger, int userId);

        [LoggerMessage(2, LogLevel.Information, "User {UserId} deleted {Count} passkeys.")]
        public static partial void Removed(ILogger logger, int userId, int count);
    }
}

/// <summary>The passkeys of an account.</summary>
/// <param name="Items">The passkeys, the oldest first.</param>
/// <param name="Signal">What a page tells the device about them (WebAuthn 3, 5.1.10).</param>
public sealed record PasskeysResponse(IReadOnlyList<PasskeyResponse> Items, PasskeySignal Signal);

/// <summary>A passkey.</summary>
/// <param name="Id" example="AQIDBAUGBwgJCgsMDQ4PEA">The credential's id, in base64url.</param>
/// <param name="Name" example="Phone">Its name.</param>
/// <param name="CreatedAt">When it was added.</param>
/// <param name="LastUsedAt">When it was last used to log in or reauthenticate.</param>
public sealed record PasskeyResponse(string Id, string Name, DateTimeOffset CreatedAt, DateTimeOffset? LastUsedAt);

/// <summary>A passkey that was added.</summary>
/// <param name="Id" example="AQIDBAUGBwgJCgsMDQ4PEA">The credential's id, in base64url.</param>
/// <param name="Name" example="Phone">Its name.</param>
/// <param name="CreatedAt">When it was added.</param>
public sealed record AddedPasskeyResponse(string Id, string Name, DateTimeOffset CreatedAt);

/// <summary>What the Signal API takes.</summary>
/// <param name="RpId" example="auth.example.com">The domain that the passkeys belong to.</param>
/// <param name="UserId" example="NDI">The user's id as authenticators have it, in base64url.</param>
/// <param name="AllAcceptedCredentialIds">The ids of all passkeys that can log in.</param>
/// <param name="Name" example="ada@example.com">The account's address.</param>
/// <param name="DisplayName" example="ada">The account's user name.</param>
public sealed record PasskeySignal(string RpId, string UserId, IReadOnlyList<string> AllAcceptedCredentialIds, string Name, string DisplayName);

/// <summary>The answer to a deletion of several passkeys.</summary>
/// <param name="Removed" example="2">How many were deleted.</param>
public sealed record RemovedPasskeysResponse(int Removed);

/// <summary>The body of <c>POST /passkeys/</c>.</summary>
public sealed record AddPasskeyRequest
{
    /// <summary>What <c>PublicKeyCredential.toJSON()</c> returns.</summary>
    [ValidateNever, Required(ErrorMessage = "This is required.")]
    public JsonElement? Credential { get; init; }

    /// <summary>A name by which the owner knows it: 1 to 64 characters.</summary>
    /// <example>Phone</example>
    [Required(ErrorMessage = "This is required."), PasskeyName]
    public string Name { get; init; } = "";

    // MVC logs the arguments of an action, at Trace.
    public override string ToString() => nameof(AddPasskeyRequest);
}

/// <summary>The body of <c>PATCH /passkeys/{id}/</c>.</summary>
public sealed record RenamePasskeyRequest
{
    /// <summary>The new name: 1 to 64 characters.</summary>
    /// <example>Old phone</example>
    [Required(ErrorMessage = "This is required."), PasskeyName]
    public string Name { get; init; } = "";
}

/// <summary>Requires 1 to 64 characters, none of them a control character.</summary>
[AttributeUsage(AttributeTargets.Property)]
internal sealed class PasskeyNameAttribute() : ValidationAttribute("This must have 1 to 64 visible characters.")
{
    public override bool IsValid(object? value) => value is not string name || (name.Length <= 64 && !name.Any(char.IsControl));
}
