using AuthApi.Storage;
using Microsoft.AspNetCore.Identity;

namespace AuthApi.Mail;

/// <summary>Identity's sender, for code that knows only that. Messages go through the queue.</summary>
internal sealed class IdentityEmailSender(MailQueue queue, MailTexts texts, AuthDbContext context) : IEmailSender<ApplicationUser>
{
    public Task SendConfirmationLinkAsync(ApplicationUser user, string email, string confirmationLink) =>
        SendAsync(user, email, texts.EmailConfirmation(email, confirmationLink));

    public Task SendPasswordResetLinkAsync(ApplicationUser user, string email, string resetLink) =>
        SendAsync(user, email, texts.PasswordReset(email, resetLink));

    public Task SendPasswordResetCodeAsync(ApplicationUser user, string email, string resetCode) =>
        SendAsync(user, email, texts.PasswordReset(email, resetCode));

    private async Task SendAsync(ApplicationUser user, string email, MailContent content)
    {
        queue.Add(email, content, user.Id);
        await context.SaveChangesAsync();
    }
}
