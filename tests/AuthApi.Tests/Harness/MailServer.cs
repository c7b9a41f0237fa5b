using System.Buffers;
using System.Collections.Concurrent;
using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Threading.Channels;
using MimeKit;
using SmtpServer;
using SmtpServer.Authentication;
using SmtpServer.ComponentModel;
using SmtpServer.Mail;
using SmtpServer.Protocol;
using SmtpServer.Storage;

namespace AuthApi.Tests.Harness;

/// <summary>A real SMTP server on loopback that keeps what it takes, and refuses what a test says.</summary>
internal sealed class MailServer : IAsyncDisposable
{
    private readonly CancellationTokenSource _end = new();
    private readonly Channel<MimeMessage> _taken = Channel.CreateUnbounded<MimeMessage>();
    private readonly ReservedPort? _own;
    private readonly Task _running;

    /// <param name="port">The port to listen on; one of its own by default.</param>
    /// <param name="certificate">What STARTTLS shows; without it the server does not know the command.</param>
    /// <param name="user">The name and the password that it asks for.</param>
    public MailServer(int? port = null, X509Certificate2? certificate = null, (string Name, string Password)? user = null)
    {
        Port = port ?? (_own = new ReservedPort()).Number;
        var options = new SmtpServerOptionsBuilder().ServerName("localhost").Endpoint(endpoint =>
        {
            endpoint.Endpoint(new IPEndPoint(IPAddress.Loopback, Port)).AuthenticationRequired(user is not null);
            if (certificate is not null)
            {
                endpoint.Certificate(certificate);
            }
        }).Build();
        var services = new ServiceProvider();
        services.Add(new Store(this));
        services.Add(new Filter(this));
        services.Add(new DelegatingUserAuthenticator((string name, string password) => user == (name, password)));
        _running = new SmtpServer.SmtpServer(options, services).StartAsync(_end.Token);
    }

    public int Port { get; }

    /// <summary>What it answers to a message, by its subject; 250 by default.</summary>
    public Func<MimeMessage, SmtpResponse> Answer { get; set; } = _ => SmtpResponse.Ok;

    /// <summary>What it answers to an address; 250 by default.</summary>
    public Func<string, SmtpResponse> AnswerToAddress { get; set; } = _ => SmtpResponse.Ok;

    /// <summary>All messages that came, those that were refused too.</summary>
    public ConcurrentQueue<MimeMessage> Offered { get; } = new();

    /// <summary>A certificate for <c>localhost</c> that nobody has signed.</summary>
    public static X509Certificate2 SelfSigned()
    {
        using var key = RSA.Create(2048);
        var request = new CertificateRequest("CN=localhost", key, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1);
        var names = new SubjectAlternativeNameBuilder();
        names.AddDnsName("localhost");
        request.CertificateExtensions.Add(names.Build());
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, false, 0, true));
        using var certificate = request.CreateSelfSigned(new DateTimeOffset(2020, 1, 1, 0, 0, 0, TimeSpan.Zero), new DateTimeOffset(2049, 1, 1, 0, 0, 0, TimeSpan.Zero));
        return X509CertificateLoader.LoadPkcs12(certificate.Export(X509ContentType.Pkcs12), null);
    }

    /// <summary>Waits for a message that it took, and passes by none.</summary>
    public async Task<MimeMessage> NextAsync()
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        return await _taken.Reader.ReadAsync(limit.Token);
    }

    public async ValueTask DisposeAsync()
    {
        await _end.CancelAsync();
        try
        {
            await _running;
        }
        catch (OperationCanceledException)
        {
        }

        _end.Dispose();
        _own?.Dispose();
    }

    private sealed class Filter(MailServer server) : MailboxFilter
    {
        public override Task<bool> CanDeliverToAsync(ISessionContext context, IMailbox to, IMailbox from, CancellationToken cancellationToken)
        {
            var answer = server.AnswerToAddress(to.AsAddress());
            return answer == SmtpResponse.Ok ? Task.FromResult(true) : throw new SmtpResponseException(answer);
        }
    }

    private sealed class Store(MailServer server) : MessageStore
    {
        public override async Task<SmtpResponse> SaveAsync(
            ISessionContext context, IMessageTransaction transaction, ReadOnlySequence<byte> buffer, CancellationToken cancellationToken)
        {
            await using var stream = new MemoryStream(buffer.ToArray());
            var message = await MimeMessage.LoadAsync(stream, cancellationToken);
            server.Offered.Enqueue(message);
            var answer = server.Answer(message);
            if (answer == SmtpResponse.Ok)
            {
                server._taken.Writer.TryWrite(message);
            }

            return answer;
        }
    }
}
