using AuthApi.Storage;
using Microsoft.EntityFrameworkCore;

namespace AuthApi.Mail;

/// <summary>Adds messages to the queue, in the transaction of what they report.</summary>
internal sealed class MailQueue(AuthDbContext context, TimeProvider time, MailDelivery delivery)
{
    /// <summary>How long it is tried to deliver a message that is of use for ever.</summary>
    private static readonly TimeSpan MaxAge = TimeSpan.FromDays(3);

    /// <summary>Whether there is anything that takes messages. A call that needs mail is otherwise refused: <see cref="Api.ApiProblem.MailNotConfigured"/>.</summary>
    public bool IsConfigured => delivery.Transport is not null;

    /// <summary>Adds a message to what the context saves next. It is sent after the commit. Where no mail is set up, nothing is added.</summary>
    /// <param name="to">The recipient's address.</param>
    /// <param name="content">The message.</param>
    /// <param name="userId">The account that it is deleted with; <see langword="null"/> if it must be sent all the same.</param>
    /// <param name="lifetime">After how long it is of no use.</param>
    public void Add(string to, MailContent content, int? userId, TimeSpan? lifetime = null)
    {
        if (!IsConfigured)
        {
            return;
        }

        var now = time.GetUtcNow();
        context.Add(new MailMessage
        {
            Id = Guid.CreateVersion7(now),
            UserId = userId,
            To = to,
            Subject = content.Subject,
            Text = content.Text,
            Html = content.Html,
            CreatedAt = now,
            ExpiresAt = now + (lifetime ?? MaxAge),
            NextAttemptAt = now,
        });
    }

    /// <summary>
    /// Lets the messages that wait for a former address of an account be sent though the account is deleted, in the caller's transaction: who has taken an account over could
    /// otherwise delete it before its owner is notified.
    /// </summary>
    /// <param name="userId">The account.</param>
    /// <param name="formerEmail">The address that it had.</param>
    public Task DetachAsync(int userId, string formerEmail) => context.Set<MailMessage>()
        .Where(message => message.UserId == userId && message.To == formerEmail)
        .ExecuteUpdateAsync(update => update.SetProperty(message => message.UserId, (int?)null));
}
