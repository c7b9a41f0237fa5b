using Microsoft.Extensions.Options;

namespace AuthApi.Mail;

/// <summary>Where messages go: to an SMTP server where one is set, else to a folder where one is set or in Development, else nowhere.</summary>
internal sealed class MailDelivery(IOptions<EmailOptions> email, IOptions<SmtpOptions> smtp, IHostEnvironment environment, TimeProvider time) : IDisposable
{
    internal const string DevelopmentFolder = "data/mail";

    private readonly Lazy<IMailTransport?> _transport = new(() =>
        !string.IsNullOrEmpty(smtp.Value.Host) ? new SmtpTransport(smtp)
        : (string.IsNullOrEmpty(email.Value.PickupDirectory) ? null : email.Value.PickupDirectory) is { } folder ? new PickupTransport(folder, time)
        : environment.IsDevelopment() ? new PickupTransport(DevelopmentFolder, time)
        : null);

    /// <summary>What takes the messages; <see langword="null"/> where no mail is set up.</summary>
    public IMailTransport? Transport => _transport.Value;

    public void Dispose()
    {
        if (_transport is { IsValueCreated: true, Value: IDisposable transport })
        {
            transport.Dispose();
        }
    }
}
