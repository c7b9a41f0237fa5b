using AuthApi.Codes;
using AuthApi.Mail;
using AuthApi.Storage;

namespace AuthApi.Identity;

/// <summary>
/// Asks the owner of an account to confirm its address when a factor is set up. Until that is done it is not known whose the account is, and a new password that is set with a mailed
/// code removes its factors.
/// </summary>
internal sealed class FactorConfirmation(OneTimeCodes codes, MailQueue mail, MailTexts texts)
{
    /// <summary>
    /// Queues a code that confirms the address, in the caller's transaction and with the caller's next save; none where the address is confirmed, only a new password may confirm it, no
    /// mail is set up, or one was mailed just now.
    /// </summary>
    /// <param name="user">The user, as read after their row was locked, with the security stamp that the account will have.</param>
    public async Task AskAsync(ApplicationUser user)
    {
        if (mail.IsConfigured
            && user is { EmailConfirmed: false, IsRegisteredAgain: false }
            && await codes.IssueAsync(user, CodePurpose.EmailConfirmation) is { } code)
        {
            mail.Add(user.Email!, texts.EmailConfirmationOfFactor(user.Email!, code), user.Id, OneTimeCodes.Lifetime);
        }
    }
}
