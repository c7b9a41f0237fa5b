using System.Globalization;
using AuthApi.Sessions;
using AuthApi.Storage;

namespace AuthApi.Audit;

/// <summary>The events of accounts, beside those of sessions.</summary>
internal static class AccountEvent
{
    /// <summary>The user deleted the account.</summary>
    public const string AccountDeleted = "AccountDeleted";

    /// <summary>The user gave the password and set another, or set one in a session of recovery.</summary>
    public const string PasswordChanged = "PasswordChanged";

    /// <summary>The address was confirmed with a code that was mailed.</summary>
    public const string EmailConfirmed = "EmailConfirmed";

    /// <summary>The address was changed, with a code that was mailed to the new one.</summary>
    public const string EmailChanged = "EmailChanged";

    /// <summary>A new password was set with a code that was mailed.</summary>
    public const string PasswordReset = "PasswordReset";

    /// <summary>An authenticator app was switched on, in the place of an earlier one where there was one.</summary>
    public const string TwoFactorEnabled = "TwoFactorEnabled";

    /// <summary>The authenticator app and the recovery codes were removed.</summary>
    public const string TwoFactorDisabled = "TwoFactorDisabled";

    /// <summary>There were too many wrong codes of the authenticator app in a row: none is accepted until another factor was right.</summary>
    public const string AuthenticatorBlocked = "AuthenticatorBlocked";

    /// <summary>New recovery codes took the place of the earlier ones.</summary>
    public const string RecoveryCodesCreated = "RecoveryCodesCreated";

    /// <summary>A recovery code was used.</summary>
    public const string RecoveryCodeUsed = "RecoveryCodeUsed";

    /// <summary>A passkey was added.</summary>
    public const string PasskeyAdded = "PasskeyAdded";

    /// <summary>A passkey was given another name.</summary>
    public const string PasskeyRenamed = "PasskeyRenamed";

    /// <summary>A passkey was deleted.</summary>
    public const string PasskeyRemoved = "PasskeyRemoved";

    /// <summary>A passkey was refused because its counter went backwards: there may be a copy of it.</summary>
    public const string PasskeyRefused = "PasskeyRefused";

    /// <summary>A session of recovery was started with a mailed code and a recovery code.</summary>
    public const string AccountRecovered = "AccountRecovered";

    /// <summary>Adds an event that a request has caused, which is written with what the context saves next.</summary>
    public static void AddAccountEvent(
        this AuthDbContext context, HttpContext http, TimeProvider time, int? userId, string what, Guid? sessionId = null, string? reason = null)
    {
        var client = ClientInfo.Of(http);
        context.AddAuditEntry(new AuditEntry
        {
            At = time.GetUtcNow(),
            Event = what,
            UserId = userId?.ToString(CultureInfo.InvariantCulture),
            SessionId = sessionId,
            Reason = reason,
            IpAddress = client.IpAddress,
            UserAgent = client.UserAgent,
        });
    }
}
