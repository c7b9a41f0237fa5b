using System.Buffers.Text;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using AuthApi.Audit;
using AuthApi.Mail;
using AuthApi.Sessions;
using AuthApi.Storage;
using Microsoft.AspNetCore.Identity;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Options;

namespace AuthApi.Factors;

/// <summary>
/// WebAuthn ceremonies by Identity's handler, with their state on the server. Identity keeps it in a cookie, which a phone has not and which a second ceremony
/// overwrites. A ceremony is good once, for five minutes, for its purpose, and for the user and session that began it.
/// </summary>
internal sealed class PasskeyCeremonies(
    IPasskeyHandler<ApplicationUser> handler,
    AuthDbContext context,
    IUserSessionStore store,
    WrongCodes wrongCodes,
    MailQueue mail,
    MailTexts texts,
    IOptions<EmailOptions> product,
    IOptions<IdentityPasskeyOptions> options,
    TimeProvider time,
    IHttpContextAccessor http)
{
    public static readonly TimeSpan Lifetime = TimeSpan.FromMinutes(5);

    // Of a credential's id, in bytes (WebAuthn 3, 4). One that is empty has no address, so it could not be deleted.
    private const int MinIdLength = 16;
    private const int FlagsAt = 32;
    private const int UserVerified = 0x04;

    private HttpContext Context => http.HttpContext!;

    /// <summary>The domain that passkeys belong to.</summary>
    public string ServerDomain => options.Value.ServerDomain ?? Context.Request.Host.Host;

    /// <summary>The user's id as authenticators have it.</summary>
    public static string HandleOf(ApplicationUser user) => Base64Url.EncodeToString(Encoding.UTF8.GetBytes(user.Id.ToString(CultureInfo.InvariantCulture)));

    /// <summary>Begins to add a passkey.</summary>
    /// <returns>The options, as <c>navigator.credentials.create</c> takes them; <see langword="null"/> if the account has been deleted.</returns>
    public async Task<JsonNode?> BeginRegistrationAsync(ApplicationUser user, Guid sessionId)
    {
        var entity = new PasskeyUserEntity { Id = user.Id.ToString(CultureInfo.InvariantCulture), Name = user.Email!, DisplayName = user.UserName! };
        var made = await handler.MakeCreationOptionsAsync(entity, Context);
        if (await BeginAsync(made.CreationOptionsJson, made.AttestationState!, PasskeyPurpose.Registration, user.Id, sessionId) is not { } creation)
        {
            return null;
        }

        creation["rp"]!["name"] = product.Value.ProductName;
        return creation;
    }

    /// <summary>Begins a login or a reauthentication.</summary>
    /// <param name="purpose">Which of the two.</param>
    /// <param name="user">Whose passkeys to ask for; <see langword="null"/> for any that the client has.</param>
    /// <param name="by">The session that asks for it, if one does.</param>
    /// <returns>The options, as <c>navigator.credentials.get</c> takes them; <see langword="null"/> if the account of that session has been deleted.</returns>
    public async Task<JsonNode?> BeginAssertionAsync(string purpose, ApplicationUser? user, UserSession? by)
    {
        var made = await handler.MakeRequestOptionsAsync(user, Context);
        var userId = by is null ? (int?)null : int.Parse(by.UserId, CultureInfo.InvariantCulture);
        return await BeginAsync(made.RequestOptionsJson, made.AssertionState!, purpose, userId, by?.Id);
    }

    /// <summary>Ends the registration that this answer belongs to.</summary>
    /// <returns>The passkey to store, and its counter; <see langword="null"/> if the answer is not valid, or not for this user and session.</returns>
    public async Task<(IdentityUserPasskey<int> Passkey, long Counter)?> FinishRegistrationAsync(JsonElement credential, ApplicationUser user, Guid sessionId)
    {
        if (await TakeAsync(credential) is not { Purpose: PasskeyPurpose.Registration } ceremony || ceremony.UserId != user.Id || ceremony.SessionId != sessionId)
        {
            return null;
        }

        var result = await handler.PerformAttestationAsync(new PasskeyAttestationContext
        {
            CredentialJson = credential.GetRawText(),
            AttestationState = ceremony.State,
            HttpContext = Context,
        });
        ThrowIfOutOfReach(result.Failure);
        if (result is not { Succeeded: true, Passkey: { } passkey } || passkey.CredentialId.Length < MinIdLength)
        {
            return null;
        }

        // Without the statement of the authenticator, which says nothing where none is asked for. Its counter is kept in a column.
        var added = new IdentityUserPasskey<int>
        {
            UserId = user.Id,
            CredentialId = passkey.CredentialId,
            Data = new IdentityPasskeyData
            {
                PublicKey = passkey.PublicKey,
                CreatedAt = time.GetUtcNow(),
                SignCount = 0,
                Transports = passkey.Transports,
                IsUserVerified = passkey.IsUserVerified,
                IsBackupEligible = passkey.IsBackupEligible,
                IsBackedUp = passkey.IsBackedUp,
                AttestationObject = [],
                ClientDataJson = [],
            },
        };
        return (added, passkey.SignCount);
    }

    /// <summary>Stores a passkey that <see cref="FinishRegistrationAsync"/> returned, with what else the context has to save.</summary>
    /// <returns>Whether it was stored; not if the same was added before.</returns>
    public async Task<bool> TryStoreAsync(IdentityUserPasskey<int> passkey, long counter)
    {
        context.Add(passkey).Property(PasskeyUse.Counter).CurrentValue = counter;
        try
        {
            await context.SaveChangesAsync();
            return true;
        }
        catch (DbUpdateException exception) when (StoreErrors.IsUniqueViolation(exception))
        {
            return false;
        }
    }

    /// <summary>
    /// Ends the login or reauthentication that this answer belongs to. One statement decides by the authenticator's counter, where it has one: if it went backwards, there
    /// may be a copy of the passkey, and the owner is notified.
    /// </summary>
    /// <param name="credential">The answer.</param>
    /// <param name="isFor">Whether a ceremony is one that the caller has asked for.</param>
    /// <returns>The user and whether they were verified by the authenticator; <see langword="null"/> if the answer is not valid.</returns>
    public async Task<(ApplicationUser User, bool IsVerified)?> FinishAssertionAsync(JsonElement credential, Func<PasskeyCeremony, bool> isFor)
    {
        if (await TakeAsync(credential) is not { } ceremony || !isFor(ceremony))
        {
            return null;
        }

        var result = await handler.PerformAssertionAsync(new PasskeyAssertionContext
        {
            CredentialJson = credential.GetRawText(),
            AssertionState = ceremony.State,
            HttpContext = Context,
        });
        ThrowIfOutOfReach(result.Failure);
        if (result is not { Succeeded: true, Passkey: { } passkey, User: { } user })
        {
            return null;
        }

        long counter = passkey.SignCount;
        var now = time.GetUtcNow();
        var id = passkey.CredentialId;
        if (await context.UserPasskeys
            .Where(stored => stored.CredentialId == id && stored.UserId == user.Id)
            .Where(stored => EF.Property<long>(stored, PasskeyUse.Counter) < counter || (counter == 0 && EF.Property<long>(stored, PasskeyUse.Counter) == 0))
            .ExecuteUpdateAsync(update => update
                .SetProperty(stored => EF.Property<long>(stored, PasskeyUse.Counter), counter)
                .SetProperty(stored => EF.Property<DateTimeOffset?>(stored, PasskeyUse.LastUsedAt), now)) == 1)
        {
            await wrongCodes.ResetAsync(user.Id);
            return (user, (Decode(credential, "authenticatorData")![FlagsAt] & UserVerified) != 0);
        }

        if (!await context.UserPasskeys.AnyAsync(stored => stored.CredentialId == id && stored.UserId == user.Id))
        {
            return null; // deleted meanwhile
        }

        context.AddAccountEvent(Context, time, user.Id, AccountEvent.PasskeyRefused);
        mail.Add(user.Email!, texts.PasskeyRefused(user.Email!, passkey.Name ?? "", now, ClientInfo.Of(Context).IpAddress), user.Id);
        await context.SaveChangesAsync();
        return null;
    }

    private async Task<JsonNode?> BeginAsync(string optionsJson, string state, string purpose, int? userId, Guid? sessionId)
    {
        await using var transaction = userId is null ? null : await context.Database.BeginTransactionAsync();
        if (userId is { } id && await context.Users.LockAsync(id) == 0)
        {
            return null;
        }

        var made = JsonNode.Parse(optionsJson)!;
        var ceremony = new PasskeyCeremony
        {
            Id = SHA256.HashData(Base64Url.DecodeFromChars(made["challenge"]!.GetValue<string>())),
            Purpose = purpose,
            UserId = userId,
            SessionId = sessionId,
            State = state,
            ExpiresAt = time.GetUtcNow() + Lifetime,
        };
        context.Add(ceremony);
        await context.SaveChangesAsync();
        if (transaction is not null)
        {
            await transaction.CommitAsync();
        }

        context.Entry(ceremony).State = EntityState.Detached;
        return made;
    }

    // Of several answers to one ceremony, right or wrong, the first has it.
    private async Task<PasskeyCeremony?> TakeAsync(JsonElement credential)
    {
        if (FindChallenge(credential) is not { } challenge)
        {
            return null;
        }

        var id = SHA256.HashData(challenge);
        var ceremony = await context.Set<PasskeyCeremony>().AsNoTracking().SingleOrDefaultAsync(stored => stored.Id == id);
        return ceremony is not null
            && await context.Set<PasskeyCeremony>().Where(stored => stored.Id == id).ExecuteDeleteAsync() == 1
            && ceremony.ExpiresAt > time.GetUtcNow()
                ? ceremony
                : null;
    }

    private static byte[]? FindChallenge(JsonElement credential)
    {
        try
        {
            return Decode(credential, "clientDataJSON") is { } json
                && JsonDocument.Parse(json).RootElement is { ValueKind: JsonValueKind.Object } clientData
                && clientData.TryGetProperty("challenge", out var challenge)
                && challenge.ValueKind == JsonValueKind.String
                    ? Base64Url.DecodeFromChars(challenge.GetString())
                    : null;
        }
        catch (Exception exception) when (exception is JsonException or FormatException or InvalidOperationException)
        {
            return null;
        }
    }

    private static byte[]? Decode(JsonElement credential, string name) =>
        credential.ValueKind == JsonValueKind.Object
        && credential.TryGetProperty("response", out var response)
        && response.ValueKind == JsonValueKind.Object
        && response.TryGetProperty(name, out var value)
        && value.ValueKind == JsonValueKind.String
            ? Base64Url.DecodeFromChars(value.GetString())
            : null;

    // The handler makes a failed ceremony of every exception, also of the store's.
    private void ThrowIfOutOfReach(PasskeyException? failure)
    {
        if (failure?.InnerException is { } cause && store.IsOutOfReach(cause))
        {
            throw new StoreUnavailableException("The store did not answer during a ceremony.", cause);
        }
    }
}
