using MailKit.Net.Smtp;
using MailKit.Security;
using Microsoft.Extensions.Options;
using MimeKit;

namespace AuthApi.Mail;

/// <summary>Sends messages by SMTP (RFC 5321), one after the other on one connection.</summary>
internal sealed class SmtpTransport(IOptions<SmtpOptions> options) : IMailTransport, IDisposable
{
    private readonly SmtpOptions _options = options.Value;

    private SmtpClient? _client;

    public string Target => $"{_options.Host}:{_options.Port}";

    public async Task SendAsync(MimeMessage message, CancellationToken cancellationToken)
    {
        var isConnected = false;
        try
        {
            var client = await ConnectAsync(cancellationToken);
            isConnected = true;
            await client.SendAsync(message, cancellationToken);
        }
        catch (SmtpCommandException exception) when (IsAboutMessage(exception))
        {
            // The server's own words may have the address in them.
            var reason = $"{exception.ErrorCode}, {(int)exception.StatusCode}";
            throw (int)exception.StatusCode >= 500 ? new MailRefusedException(reason, exception) : new MailRefusedForNowException(reason, exception);
        }
        catch (NotSupportedException exception) when (isConnected)
        {
            throw new MailRefusedException("the address has characters that the server does not take (RFC 6531)", exception);
        }
        catch
        {
            // What the connection is in the middle of is not known.
            Dispose();
            throw;
        }
    }

    public async Task CloseAsync()
    {
        if (_client is { IsConnected: true } client)
        {
            try
            {
                using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(2));
                await client.DisconnectAsync(quit: true, limit.Token);
            }
            catch (Exception exception) when (exception is IOException or OperationCanceledException or MailKit.ProtocolException or MailKit.CommandException)
            {
                // All messages have been taken; the server need not hear the goodbye.
            }
        }

        Dispose();
    }

    public void Dispose()
    {
        _client?.Dispose();
        _client = null;
    }

    // Not of the server, which ends the connection by 421 in answer to any command.
    private static bool IsAboutMessage(SmtpCommandException exception) =>
        exception.ErrorCode is SmtpErrorCode.RecipientNotAccepted or SmtpErrorCode.MessageNotAccepted && exception.StatusCode != SmtpStatusCode.ServiceNotAvailable;

    private async Task<SmtpClient> ConnectAsync(CancellationToken cancellationToken)
    {
        if (_client is { IsConnected: true } open)
        {
            return open;
        }

        Dispose();
        var client = _client = new SmtpClient();
        await client.ConnectAsync(_options.Host!, _options.Port, _options.Security switch
        {
            SmtpSecurity.Tls => SecureSocketOptions.SslOnConnect,
            SmtpSecurity.None => SecureSocketOptions.None,
            _ => SecureSocketOptions.StartTls,
        }, cancellationToken);
        if (!string.IsNullOrEmpty(_options.UserName))
        {
            await client.AuthenticateAsync(_options.UserName, _options.Password!, cancellationToken);
        }

        return client;
    }
}
