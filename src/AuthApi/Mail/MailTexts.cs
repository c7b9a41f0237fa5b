using System.Net;
using Microsoft.Extensions.Options;

namespace AuthApi.Mail;

/// <summary>A message as its recipient reads it.</summary>
/// <param name="Subject">One line.</param>
/// <param name="Text">The plain text.</param>
/// <param name="Html">The same as HTML.</param>
public sealed record MailContent(string Subject, string Text, string Html);

/// <summary>The words of every message, in one place so that they can be replaced: register a class derived from this one.</summary>
public class MailTexts(IOptions<EmailOptions> options, IOptions<PublicUrlOptions> publicUrl)
{
    protected string ProductName => options.Value.ProductName;

    /// <summary>A message that has a code, alone on a line, and a link to the page that takes it where there is one.</summary>
    /// <param name="subject">The subject, to which the name of the service is added.</param>
    /// <param name="before">What is said before the code, a paragraph each.</param>
    /// <param name="code">The code.</param>
    /// <param name="page">The page that takes it, below <c>Accounts:PublicUrl</c>.</param>
    /// <param name="email">The address that is given with the code.</param>
    /// <param name="after">What is said after it.</param>
    protected MailContent WithCode(string subject, string[] before, string code, string page, string email, params string[] after)
    {
        // After the #, which no browser sends: neither a log nor a Referer has the code.
        var link = publicUrl.Value.Base is { } root
            ? $"{root}/account/#{page}?email={Uri.EscapeDataString(email)}&code={Uri.EscapeDataString(code)}"
            : null;
        string[] linked = link is null ? [] : ["Or follow this link:", link];
        return new MailContent(
            $"{ProductName}: {subject}",
            string.Join("\r\n\r\n", [.. before, code, .. linked, .. after]) + "\r\n",
            Html([
                .. before.Select(Paragraph),
                $"<p style=\"font-size:1.5em;font-family:monospace;letter-spacing:.1em\"><strong>{WebUtility.HtmlEncode(code)}</strong></p>",
                .. link is null ? Array.Empty<string>() : [$"<p><a href=\"{WebUtility.HtmlEncode(link)}\">Or follow this link</a></p>"],
                .. after.Select(Paragraph),
            ]));
    }

    /// <summary>A message that only says something.</summary>
    protected MailContent Notice(string subject, params string[] paragraphs) => new(
        $"{ProductName}: {subject}",
        string.Join("\r\n\r\n", paragraphs) + "\r\n",
        Html(paragraphs.Select(Paragraph)));

    private static string Paragraph(string text) => $"<p>{WebUtility.HtmlEncode(text)}</p>";

    private static string Html(IEnumerable<string> paragraphs) =>
        $"<!DOCTYPE html>\r\n<html lang=\"en\"><body style=\"font-family:sans-serif\">\r\n{string.Join("\r\n", paragraphs)}\r\n</body></html>\r\n";

    /// <summary>The code by which a person who has forgotten the password sets a new one.</summary>
    public virtual MailContent PasswordReset(string email, string code) => WithCode(
        "set a new password",
        [$"Somebody asked to set a new password for your account {email} at {ProductName}. If that was you, use this code within 60 minutes:"],
        code,
        "reset",
        email,
        "If it was not you, do nothing. Without the code nobody can change your password. Give it to nobody.");

    /// <summary>The code that confirms the address of an account.</summary>
    public virtual MailContent EmailConfirmation(string email, string code) => WithCode(
        "confirm your address",
        [$"An account at {ProductName} was made with the address {email}. If that was you, confirm the address with this code within 60 minutes:"],
        code,
        "confirm",
        email,
        "If it was not you, do nothing, and give the code to nobody.");

    /// <summary>The code that confirms the address of an account to which a passkey or an authenticator app was added.</summary>
    public virtual MailContent EmailConfirmationOfFactor(string email, string code) => WithCode(
        "confirm your address",
        [
            $"A passkey or an authenticator app was added to the account at {ProductName} with the address {email}, and nobody has confirmed that the address is theirs."
            + " Until that is done, anybody who reads this mailbox can set a new password, and the passkey or the app is removed then.",
            "If you have added it, confirm the address with this code within 60 minutes:",
        ],
        code,
        "confirm",
        email,
        "If it was not you, do not use the code, and give it to nobody: somebody else has made an account with your address. By \"forgot password\" it becomes yours, and all that they have added is removed.");

    /// <summary>Answers a registration with the address of an account that is there already, to the owner of the address only.</summary>
    public virtual MailContent AccountExists(string email, string code) => WithCode(
        "you have an account already",
        [
            $"Somebody registered at {ProductName} with your address {email}. There is an account with it already.",
            "If that was you, log in as usual, or set a new password with this code within 60 minutes:",
        ],
        code,
        "reset",
        email,
        "If it was not you, do nothing. Without the code nobody can use your address. Give it to nobody.");

    /// <summary>The same where the address of that account was never confirmed, so that somebody else may have made it.</summary>
    public virtual MailContent UnconfirmedAccountExists(string email, string code) => WithCode(
        "you have an account already",
        [
            $"Somebody registered at {ProductName} with your address {email}. There is an account with it already, but nobody has confirmed that the address is theirs.",
            "If you want the account, set a new password with this code within 60 minutes. That confirms the address, ends all sessions, and removes all else that can log in to the account:",
        ],
        code,
        "reset",
        email,
        "If it was not you, do nothing. Without the code nobody can confirm your address. Give it to nobody.");

    /// <summary>The code by which an account gets a new address, to that address.</summary>
    public virtual MailContent EmailChange(string newEmail, string code) => WithCode(
        "confirm your new address",
        [$"Somebody asked to make {newEmail} the address of their account at {ProductName}. If that was you, confirm it with this code within 60 minutes, where you are logged in:"],
        code,
        "email",
        newEmail,
        "If it was not you, do nothing, and give the code to nobody.");

    /// <summary>Notifies the owner of an address that somebody wants for another account.</summary>
    public virtual MailContent EmailTaken(string newEmail) => Notice(
        "your address is in use",
        $"Somebody asked to make {newEmail} the address of another account at {ProductName}. You have an account with it already, so nothing was changed.",
        "If that was you, change or delete that account first. If it was not you, do nothing.");

    /// <summary>Notifies the owner at the old address that a new one was asked for.</summary>
    public virtual MailContent EmailChangeRequested(string email, string newEmail) => Notice(
        "a new address was asked for",
        $"Somebody who is logged in to your account {email} at {ProductName} asked to change its address to {newEmail}. It changes when that is confirmed there.",
        "This was not me: set a new password at once by \"forgot password\" with this address. That ends all sessions, and the address stays.");

    /// <summary>Notifies the owner at the old address that it is the account's no more.</summary>
    public virtual MailContent EmailChanged(string email, string newEmail) => Notice(
        "your address has been changed",
        $"The address of your account at {ProductName} is now {newEmail}, and no longer {email}. All other sessions have ended.",
        $"This was not me: write to those who run {ProductName}. With this address the account can no longer be reached.");

    /// <summary>The last message of an account, when it is deleted.</summary>
    public virtual MailContent AccountDeleted(string email) => Notice(
        "your account has been deleted",
        $"The account {email} at {ProductName} was deleted by somebody who was logged in to it. All its sessions have ended.",
        $"If it was not you, write to those who run {ProductName}.");

    /// <summary>Notifies the owner that the password has been changed.</summary>
    public virtual MailContent PasswordChanged(string email, DateTimeOffset at, string? ipAddress, string? device) => Notice(
        "your password has been changed",
        $"The password of your account {email} at {ProductName} was changed on {Time(at)}{From(ipAddress, device)}.",
        "All other sessions have ended.",
        "If it was not you, set a new password at once by \"forgot password\", and look over how you sign in.");

    /// <summary>Notifies the owner of a sign-in from a device and network that is new to the account.</summary>
    public virtual MailContent NewDevice(string email, DateTimeOffset at, string? ipAddress, string? device) => Notice(
        "a new device has signed in",
        $"Somebody signed in to your account {email} at {ProductName} on {Time(at)}{From(ipAddress, device)}. The account was not signed in to from this device and network before.",
        "If that was you, do nothing.",
        "If it was not you, set a new password at once by \"forgot password\": that ends all sessions, also this one."
        + " To end this one alone, look for it by its time and address in the list of your devices, and log it out there"
        + (publicUrl.Value.Base is { } root ? $": {root}/account/#devices" : "."));

    /// <summary>Notifies the owner of a sign-in with the right password, and a code that is wrong.</summary>
    public virtual MailContent WrongFactor(string email, DateTimeOffset at, string? ipAddress, string? device) => Notice(
        "your password was given with a wrong code",
        $"Somebody gave the right password of your account {email} at {ProductName} on {Time(at)}{From(ipAddress, device)}, and then a code that is wrong or was used before. They were not let in.",
        "If that was you, do nothing.",
        "If it was not you, somebody knows your password: set a new one at once by \"forgot password\", and wherever else you use it. Give codes of your app and recovery codes to nobody.",
        "This message comes once an hour at most, however often it is tried.");

    /// <summary>Notifies the owner that codes of the authenticator app are not accepted any more, after too many wrong ones.</summary>
    public virtual MailContent AuthenticatorBlocked(string email, int wrongCodes, DateTimeOffset at, string? ipAddress, string? device) => Notice(
        "codes of your app are no longer accepted",
        $"{wrongCodes} wrong codes in a row were given for your account {email} at {ProductName}, the last one on {Time(at)}{From(ipAddress, device)}. Codes of your authenticator app are not accepted any more, also not the right ones.",
        "Log in with a recovery code or a passkey: then they are accepted again. If you have neither, write to those who run the service.",
        "If it was not you, somebody knows your password: set a new one at once by \"forgot password\", and wherever else you use it.");

    /// <summary>Notifies the owner that an administrator has disabled the account.</summary>
    public virtual MailContent AccountDisabled(string email) => Notice(
        "your account has been disabled",
        $"Those who run {ProductName} have disabled your account {email}. All its sessions have ended, and nobody can sign in to it.",
        $"If you do not know why, write to those who run {ProductName}.");

    /// <summary>Notifies the owner that an administrator has enabled the account again.</summary>
    public virtual MailContent AccountEnabled(string email) => Notice(
        "your account has been enabled",
        $"Those who run {ProductName} have enabled your account {email} again. You can sign in as before.");

    /// <summary>Notifies the owner that an administrator has removed passkeys and the second factor.</summary>
    public virtual MailContent FactorsReset(string email) => Notice(
        "your second factor has been removed",
        $"Those who run {ProductName} have removed the passkeys, the second factor and the recovery codes of your account {email}. All its sessions have ended.",
        "Sign in with your password, and set them up again.",
        $"If you have not asked for this, set a new password at once by \"forgot password\", and write to those who run {ProductName}.");

    /// <summary>Notifies the owner that another password is needed.</summary>
    public virtual MailContent PasswordChangeRequired(string email) => Notice(
        "you need a new password",
        $"Those who run {ProductName} ask you to set another password for your account {email}. All its sessions have ended.",
        "Set it by \"forgot password\". The one that you have had is not accepted again.");

    /// <summary>Notifies the owner that the account has a role.</summary>
    public virtual MailContent RoleGranted(string email, string role) => Notice(
        "your account has a new role",
        $"Those who run {ProductName} have given your account {email} the role {role}.",
        $"If you have not expected this, write to those who run {ProductName}.");

    /// <summary>Notifies the owner that the account has lost a role.</summary>
    public virtual MailContent RoleRemoved(string email, string role) => Notice(
        "your account has lost a role",
        $"Those who run {ProductName} have taken the role {role} from your account {email}.",
        $"If you do not know why, write to those who run {ProductName}.");

    /// <summary>Notifies the owner that an administrator has ended sessions of the account.</summary>
    public virtual MailContent SessionsEnded(string email, int count) => Notice(
        "you have been logged out",
        $"Those who run {ProductName} have logged your account {email} out {(count == 1 ? "on one device" : $"on {count} devices")}. You can log in again.",
        $"If you do not know why, write to those who run {ProductName}.");

    /// <summary>The last message of an account that an administrator has deleted.</summary>
    public virtual MailContent AccountDeletedByAdministrator(string email) => Notice(
        "your account has been deleted",
        $"Those who run {ProductName} have deleted your account {email}. All its sessions have ended.",
        $"If you do not know why, write to those who run {ProductName}.");

    /// <summary>Notifies the owner that an authenticator app is asked for now.</summary>
    public virtual MailContent TwoFactorEnabled(string email, DateTimeOffset at, string? ipAddress, string? device) => Notice(
        "an authenticator app was added",
        $"Logging in to your account {email} at {ProductName} now takes a code of an authenticator app. It was set up on {Time(at)}{From(ipAddress, device)}.",
        "All other sessions have ended. Keep the recovery codes where you find them without your phone.",
        Alarm);

    /// <summary>Notifies the owner that the authenticator app was removed.</summary>
    public virtual MailContent TwoFactorDisabled(string email, DateTimeOffset at, string? ipAddress, string? device) => Notice(
        "the authenticator app was removed",
        $"Logging in to your account {email} at {ProductName} no longer takes a code of an authenticator app. That was switched off on {Time(at)}{From(ipAddress, device)}.",
        "All other sessions have ended, and the recovery codes are void.",
        Alarm);

    /// <summary>Notifies the owner that there are new recovery codes.</summary>
    public virtual MailContent RecoveryCodesCreated(string email, DateTimeOffset at, string? ipAddress, string? device) => Notice(
        "new recovery codes",
        $"New recovery codes were made for your account {email} at {ProductName} on {Time(at)}{From(ipAddress, device)}. The earlier ones are void.",
        Alarm);

    /// <summary>Notifies the owner that a recovery code was used.</summary>
    public virtual MailContent RecoveryCodeUsed(string email, int left, DateTimeOffset at, string? ipAddress) => Notice(
        "a recovery code was used",
        $"A recovery code of your account {email} at {ProductName} was used on {Time(at)}{From(ipAddress, device: null)}. {left} are left.",
        "If it was not you, somebody has your recovery codes, and your password or your mailbox: change the password, make new recovery codes, and end the other sessions.");

    /// <summary>Notifies the owner of a new passkey.</summary>
    public virtual MailContent PasskeyAdded(string email, string name, DateTimeOffset at, string? ipAddress, string? device) => Notice(
        "a passkey was added",
        $"The passkey \"{name}\" can now log in to your account {email} at {ProductName}. It was added on {Time(at)}{From(ipAddress, device)}.",
        Alarm);

    /// <summary>Notifies the owner that passkeys were deleted.</summary>
    public virtual MailContent PasskeysRemoved(string email, IReadOnlyList<string> names, DateTimeOffset at, string? ipAddress, string? device) => Notice(
        names.Count == 1 ? "a passkey was deleted" : "passkeys were deleted",
        $"These passkeys of your account {email} at {ProductName} were deleted on {Time(at)}{From(ipAddress, device)}: {string.Join(", ", names.Select(name => $"\"{name}\""))}. They can no longer log in.",
        Alarm);

    /// <summary>Notifies the owner of a passkey that there may be a copy of.</summary>
    public virtual MailContent PasskeyRefused(string email, string name, DateTimeOffset at, string? ipAddress) => Notice(
        "a passkey was refused",
        $"A login to your account {email} at {ProductName} with the passkey \"{name}\" was refused on {Time(at)}{From(ipAddress, device: null)}: it counts its uses, and this one was out of order. There may be a copy of it.",
        "Log in another way, delete this passkey, and add a new one.");

    /// <summary>Notifies the owner that the account was recovered, and lists what can log in to it.</summary>
    public virtual MailContent AccountRecovered(string email, IReadOnlyList<string> credentials, DateTimeOffset at, string? ipAddress, string? device) => Notice(
        "your account was recovered",
        [
            $"Somebody with a mailed code and a recovery code got into your account {email} at {ProductName} on {Time(at)}{From(ipAddress, device)}, to add a passkey or set a password. All other sessions have ended.",
            .. Credentials(credentials),
            Alarm,
        ]);

    /// <summary>Notifies the owner of a password that was set with a mailed code, and lists what else can log in.</summary>
    public virtual MailContent PasswordReset(string email, IReadOnlyList<string> credentials, DateTimeOffset at, string? ipAddress) => Notice(
        "your password has been changed",
        [
            $"The password of your account {email} at {ProductName} was set with a mailed code on {Time(at)}{From(ipAddress, device: null)}.",
            "All sessions have ended.",
            .. Credentials(credentials),
            "If it was not you, set a new password at once by \"forgot password\", and look over how you sign in.",
        ]);

    private const string Alarm = "If it was not you, set a new password at once by \"forgot password\", which ends all sessions, and look over how you sign in.";

    private static string[] Credentials(IReadOnlyList<string> credentials) => credentials.Count == 0
        ? []
        : [$"This can log in as well: {string.Join("; ", credentials)}. If you do not know one of them, log in and delete it."];

    protected static string Time(DateTimeOffset at) => $"{at.UtcDateTime:yyyy-MM-dd HH:mm} UTC";

    protected static string From(string? ipAddress, string? device) =>
        (ipAddress is null ? "" : $", from the address {ipAddress}") + (device is null ? "" : $", with {device}");
}
