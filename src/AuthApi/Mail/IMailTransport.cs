using MimeKit;

namespace AuthApi.Mail;

/// <summary>Hands messages on: to an SMTP server, or to a folder.</summary>
internal interface IMailTransport
{
    /// <summary>Where messages go, for a line of the log.</summary>
    string Target { get; }

    /// <summary>Hands a message on, and returns when it has been taken.</summary>
    /// <exception cref="MailRefusedException">This message was refused for good; another may be taken.</exception>
    /// <exception cref="MailRefusedForNowException">This message was refused and may be taken later; another may be taken now.</exception>
    Task SendAsync(MimeMessage message, CancellationToken cancellationToken);

    /// <summary>Ends a connection that is open, when nothing more waits.</summary>
    Task CloseAsync();
}

/// <summary>The mail server refuses this message, and will again.</summary>
internal sealed class MailRefusedException(string message, Exception inner) : Exception(message, inner);

/// <summary>The mail server refuses this message, and may take it later: the mailbox is full, or its sender is not known yet.</summary>
internal sealed class MailRefusedForNowException(string message, Exception inner) : Exception(message, inner);
