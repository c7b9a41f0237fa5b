using System.ComponentModel.DataAnnotations;
using System.Globalization;
using AuthApi.Api;
using AuthApi.Audit;
using AuthApi.Factors;
using AuthApi.Identity;
using AuthApi.Mail;
using AuthApi.Sessions;
using AuthApi.Storage;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Mvc;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Options;
using QRCoder;

namespace AuthApi.TwoFactor;

/// <summary>Authenticator apps and recovery codes.</summary>
[ApiController]
[Produces("application/json")]
[Tags("Two-factor")]
public sealed partial class TwoFactorController(
    ApplicationUserManager userManager, IServiceProvider services, TimeProvider time, ILogger<TwoFactorController> logger) : ControllerBase
{
    // Internal types: the constructor is public.
    private AuthDbContext Context => services.GetRequiredService<AuthDbContext>();

    private Authenticators Authenticators => services.GetRequiredService<Authenticators>();

    private RecoveryCodes RecoveryCodes => services.GetRequiredService<RecoveryCodes>();

    /// <summary>See whether a login needs a code</summary>
    /// <remarks>Recovery codes can be there without an app: they are of use to <c>POST /recovery/</c> too.</remarks>
    /// <response code="200">Whether the account has an authenticator app, and how many recovery codes are left.</response>
    [HttpGet("/two-factor/", Name = "twoFactor")]
    [Authorize]
    [ProducesResponseType<TwoFactorResponse>(StatusCodes.Status200OK)]
    public async Task<ActionResult<TwoFactorResponse>> Status() => await userManager.GetUserAsync(User) is { } user
        ? new TwoFactorResponse(user.TwoFactorEnabled, await RecoveryCodes.CountAsync(user))
        : Challenge(); // deleted meanwhile

    /// <summary>Begin to set up an authenticator app</summary>
    /// <remarks>
    /// Makes a key for the app, to be scanned or typed. Nothing changes before <c>POST /two-factor/enable/</c> takes a code of it: an app that is in use stays in use. A
    /// repeated call makes another key.
    /// </remarks>
    /// <response code="200">The key, in the three forms in which apps take it.</response>
    [HttpPost("/two-factor/setup/", Name = "setUpTwoFactor")]
    [RequireRecentFactor]
    [ProducesResponseType<TwoFactorSetupResponse>(StatusCodes.Status200OK)]
    [ProducesProblem(StatusCodes.Status403Forbidden, RecentFactor.Answer)]
    public async Task<ActionResult<TwoFactorSetupResponse>> SetUp()
    {
        await using var transaction = await Context.Database.BeginTransactionAsync();
        if (await userManager.FindLockedCallerAsync() is not { } user)
        {
            return Challenge();
        }

        var key = TimeStepCode.ToBase32(await Authenticators.SetUpAsync(user));
        await Context.SaveChangesAsync();
        await transaction.CommitAsync();
        var issuer = Uri.EscapeDataString(services.GetRequiredService<IOptions<EmailOptions>>().Value.ProductName);
        var uri = string.Create(
            CultureInfo.InvariantCulture,
            $"otpauth://totp/{issuer}:{Uri.EscapeDataString(user.Email!)}?secret={key}&issuer={issuer}&algorithm=SHA1&digits={TimeStepCode.Digits}&period={TimeStepCode.StepSeconds}");
        using var code = QRCodeGenerator.GenerateQrCode(uri, QRCodeGenerator.ECCLevel.M);
        return new TwoFactorSetupResponse(key, uri, new SvgQRCode(code).GetGraphic(4));
    }

    /// <summary>Switch the authenticator app on</summary>
    /// <remarks>
    /// Takes a code of the key that <c>POST /two-factor/setup/</c> made, which counts as used. From then on a login needs a code. The user's other sessions end; this one
    /// goes on. Ten recovery codes are made, which are shown this once; earlier ones are void. The owner is notified by mail, and mailed a code for
    /// <c>POST /email/confirm/</c> where the address is not confirmed: until it is, a password that is set with a mailed code removes the app.
    /// </remarks>
    /// <response code="200">It is on. The recovery codes stand in for the app, each once.</response>
    [HttpPost("/two-factor/enable/", Name = "enableTwoFactor")]
    [RequireRecentFactor]
    [ProducesResponseType<RecoveryCodesResponse>(StatusCodes.Status200OK)]
    [ProducesProblem(StatusCodes.Status400BadRequest, "`invalid_code`: this is no code of the new key at this time. `validation_failed`: a field is not valid (see `errors`). `malformed_json`: the body is not a JSON object.")]
    [ProducesProblem(StatusCodes.Status403Forbidden, RecentFactor.Answer)]
    [ProducesProblem(StatusCodes.Status409Conflict, "`setup_required`: `POST /two-factor/setup/` comes first.")]
    [ProducesProblem(StatusCodes.Status503ServiceUnavailable, "`authenticator_unavailable`: the server cannot read the keys of authenticator apps. `store_unavailable`: the store is out of reach. Try again after `Retry-After` seconds.")]
    public async Task<ActionResult<RecoveryCodesResponse>> Enable(EnableTwoFactorRequest request)
    {
        await using var transaction = await Context.Database.BeginTransactionAsync();
        if (await userManager.FindLockedCallerAsync() is not { } user)
        {
            return Challenge();
        }

        switch (await Authenticators.EnableAsync(user, request.Code))
        {
            case null:
                return new ProblemResult(ApiProblem.SetupRequired);
            case false:
                return new ProblemResult(ApiProblem.InvalidAppCode);
        }

        var codes = await RecoveryCodes.CreateAsync(user);
        await NoteCodeGivenAsync(user);
        Record(user, AccountEvent.TwoFactorEnabled, texts => texts.TwoFactorEnabled);
        HttpContext.KeepUserSession();
        await userManager.SaveWithNewStampAsync(user);

        // A code is good with the stamp that the account has when it is made.
        await services.GetRequiredService<FactorConfirmation>().AskAsync(user);
        await Context.SaveChangesAsync();
        await transaction.CommitAsync();
        Log.Enabled(logger, user.Id);
        return new RecoveryCodesResponse(codes);
    }

    /// <summary>Remove the authenticator app</summary>
    /// <remarks>
    /// A login needs no code from then on, and the recovery codes are void. The user's other sessions end; this one goes on. The owner is notified by mail. Where there is
    /// no app, nothing happens.
    /// </remarks>
    /// <response code="204">The account has no authenticator app.</response>
    [HttpPost("/two-factor/disable/", Name = "disableTwoFactor")]
    [RequireRecentFactor]
    [ProducesResponseType(StatusCodes.Status204NoContent)]
    [ProducesProblem(StatusCodes.Status403Forbidden, RecentFactor.Answer)]
    public async Task<ActionResult> Disable()
    {
        await using var transaction = await Context.Database.BeginTransactionAsync();
        if (await userManager.FindLockedCallerAsync() is not { } user)
        {
            return Challenge();
        }

        if (!user.TwoFactorEnabled)
        {
            return NoContent();
        }

        await Authenticators.DisableAsync(user);
        await RecoveryCodes.DeleteAsync(user);
        Record(user, AccountEvent.TwoFactorDisabled, texts => texts.TwoFactorDisabled);
        HttpContext.KeepUserSession();
        await userManager.SaveWithNewStampAsync(user);
        await transaction.CommitAsync();
        Log.Disabled(logger, user.Id);
        return NoContent();
    }

    /// <summary>Make new recovery codes</summary>
    /// <remarks>
    /// Ten, which are shown this once; earlier ones are void. A recovery code stands in for the authenticator app at a login, and is one of the two proofs of
    /// <c>POST /recovery/</c>, with or without an app. The owner is notified by mail.
    /// </remarks>
    /// <response code="200">The recovery codes.</response>
    [HttpPost("/two-factor/recovery-codes/", Name = "createRecoveryCodes")]
    [RequireRecentFactor]
    [ProducesResponseType<RecoveryCodesResponse>(StatusCodes.Status200OK)]
    [ProducesProblem(StatusCodes.Status403Forbidden, RecentFactor.Answer)]
    public async Task<ActionResult<RecoveryCodesResponse>> CreateCodes()
    {
        await using var transaction = await Context.Database.BeginTransactionAsync();
        if (await userManager.FindLockedCallerAsync() is not { } user)
        {
            return Challenge();
        }

        var codes = await RecoveryCodes.CreateAsync(user);
        Record(user, AccountEvent.RecoveryCodesCreated, texts => texts.RecoveryCodesCreated);
        await Context.SaveChangesAsync();
        await transaction.CommitAsync();
        return new RecoveryCodesResponse(codes);
    }

    // The code that switches the app on is a proof in this session like one that reauthenticates.
    private Task<int> NoteCodeGivenAsync(ApplicationUser user)
    {
        var session = HttpContext.GetUserSession().Session;
        string[] methods = [.. AuthenticationMethod.After(session.AuthenticationMethods, AuthenticationMethod.AuthenticatorCode)];
        return Context.Set<UserSession>().Where(stored => stored.Key == session.Key && stored.Id == session.Id)
            .ExecuteUpdateAsync(update => update.SetProperty(stored => stored.AuthenticationMethods, methods));
    }

    // Saved with what it reports.
    private void Record(ApplicationUser user, string what, Func<MailTexts, Func<string, DateTimeOffset, string?, string?, MailContent>> words)
    {
        var session = HttpContext.GetUserSession();
        Context.AddAccountEvent(HttpContext, time, user.Id, what, session.Session.Id);
        var content = words(services.GetRequiredService<MailTexts>())(user.Email!, time.GetUtcNow(), ClientInfo.Of(HttpContext).IpAddress, session.ToResponse().Device);
        services.GetRequiredService<MailQueue>().Add(user.Email!, content, user.Id);
    }

    private static partial class Log
    {
        [LoggerMessage(1, LogLevel.Information, "User {UserId} switched an authenticator app on; the other sessions have ended.")]
        public static partial void Enabled(ILogger logger, int userId);

        [LoggerMessage(2, LogLevel.Information, "User {UserId} removed the authenticator app; the other sessions have ended.")]
        public static partial void Disabled(ILogger logger, int userId);
    }
}

/// <summary>Whether an account has a second factor.</summary>
/// <param name="Enabled">Whether a login needs a code of an authenticator app.</param>
/// <param name="RecoveryCodesLeft" example="10">How many recovery codes were not used yet.</param>
public sealed record TwoFactorResponse(bool Enabled, int RecoveryCodesLeft);

/// <summary>The key of an authenticator app.</summary>
/// <param name="SharedKey" example="JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP">The key in base 32, to be typed.</param>
/// <param name="AuthenticatorUri" example="otpauth://totp/AuthApi:ada%40example.com?secret=JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP&amp;issuer=AuthApi&amp;algorithm=SHA1&amp;digits=6&amp;period=30">The key as an address that opens an app on the same device.</param>
/// <param name="QrCodeSvg">That address as a QR code, an SVG image.</param>
public sealed record TwoFactorSetupResponse(string SharedKey, string AuthenticatorUri, string QrCodeSvg)
{
    public override string ToString() => nameof(TwoFactorSetupResponse);
}

/// <summary>The body of <c>POST /two-factor/enable/</c>.</summary>
public sealed record EnableTwoFactorRequest
{
    /// <summary>The six digits that the app shows.</summary>
    /// <example>492039</example>
    [Required(ErrorMessage = "This is required."), MaxCharacters(16, ErrorMessage = "This must have at most 16 characters.")]
    public string Code { get; init; } = "";

    // MVC logs the arguments of an action, at Trace.
    public override string ToString() => nameof(EnableTwoFactorRequest);
}

/// <summary>New recovery codes.</summary>
/// <param name="RecoveryCodes" example="[&quot;7K3M-9QXW-2DTA-4F8H-0YBC-6RVN&quot;]">Ten codes, each good once. They are shown this once.</param>
public sealed record RecoveryCodesResponse(IReadOnlyList<string> RecoveryCodes)
{
    public override string ToString() => nameof(RecoveryCodesResponse);
}
