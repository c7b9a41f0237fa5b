using System.Diagnostics.Metrics;
using System.Net;
using System.Net.Sockets;
using System.Text;
using AuthApi.Mail;
using AuthApi.Storage;
using AuthApi.Tests.Harness;
using Microsoft.AspNetCore.Identity;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using MimeKit;
using SmtpServer.Protocol;

namespace AuthApi.Tests.Mail;

/// <summary>Messages are queued with what they report, and sent once, whatever the mail server does.</summary>
[TestFixture(TestedStore.Sqlite)]
[TestFixture(TestedStore.PostgreSql)]
internal sealed class MailTests(TestedStore database)
{
    private static readonly MailContent Content = new("A subject", "Plain words\r\n\r\nABCD\r\n", "<p>Words</p>");

    [Test]
    public async Task A_message_reaches_the_server_in_both_forms()
    {
        await using var server = new MailServer();
        await using var application = Start(server.Port);

        await AddAsync(application, "ada@example.com", Content);
        var message = await server.NextAsync();

        using (Assert.EnterMultipleScope())
        {
            Assert.That(message.From.ToString(), Is.EqualTo("\"Example\" <no-reply@example.com>"));
            Assert.That(message.To.ToString(), Is.EqualTo("ada@example.com"));
            Assert.That(message.Subject, Is.EqualTo("A subject"));
            Assert.That(message.TextBody, Does.Contain("ABCD"));
            Assert.That(message.HtmlBody, Does.Contain("<p>Words</p>"));
            Assert.That(message.MessageId, Does.EndWith("@example.com"));
            Assert.That(message.Headers["Auto-Submitted"], Is.EqualTo("auto-generated"));
        }

        await EmptyAsync(application);
    }

    [Test]
    public async Task A_message_of_a_transaction_that_fails_is_not_sent()
    {
        await using var server = new MailServer();
        await using var application = Start(server.Port);

        await application.WithScopeAsync(async services =>
        {
            var context = services.GetRequiredService<AuthDbContext>();
            await using var transaction = await context.Database.BeginTransactionAsync();
            services.GetRequiredService<MailQueue>().Add("lost@example.com", Content, userId: null);
            await context.SaveChangesAsync();
        });
        await AddAsync(application, "ada@example.com", Content);

        Assert.That((await server.NextAsync()).To.ToString(), Is.EqualTo("ada@example.com"));
        await EmptyAsync(application);
        Assert.That(server.Offered, Has.Count.EqualTo(1));
    }

    [Test]
    public async Task A_server_that_is_down_gets_the_message_when_it_is_back()
    {
        using var port = new ReservedPort();
        await using var application = Start(port.Number);

        using var numbers = new Numbers(application.Services.GetRequiredService<IMeterFactory>());
        var began = application.Time.GetUtcNow();
        await AddAsync(application, "ada@example.com", Content);
        await UntilAsync(application, queue => HasFailed(application, queue.Single()));

        // Another one does not try the server sooner.
        await AddAsync(application, "grace@example.com", Content);
        await UntilAsync(application, queue => queue.All(message => message.Attempts > 0), () => application.Time.Advance(TimeSpan.FromMilliseconds(200)));
        Assert.That(application.Time.GetUtcNow(), Is.GreaterThanOrEqualTo(began.AddSeconds(5)));
        await using var server = new MailServer(port.Number);
        Assert.That(server.Offered, Is.Empty);
        using var browser = application.NewBrowser();
        using var ready = await browser.GetAsync("/health/ready");
        Assert.That(ready.StatusCode, Is.EqualTo(HttpStatusCode.OK), "all else goes on");

        var taken = new[] { await AdvanceUntilTakenAsync(application, server), await AdvanceUntilTakenAsync(application, server) };
        Assert.That(taken.Select(message => message.To.ToString()), Is.EquivalentTo(new[] { "ada@example.com", "grace@example.com" }));
        await EmptyAsync(application);
        Assert.That(numbers["authapi.mail.attempts{result=unreachable}"], Is.GreaterThan(1));
        Assert.That(numbers["authapi.mail.attempts{result=sent}"], Is.EqualTo(2));
    }

    [Test]
    public async Task A_message_refused_for_now_is_sent_again_under_its_id()
    {
        await using var server = new MailServer();
        server.Answer = _ => server.Offered.Count == 1 ? new SmtpResponse(SmtpReplyCode.Aborted, "later") : SmtpResponse.Ok;
        await using var application = Start(server.Port);

        await AddAsync(application, "ada@example.com", Content);
        var message = await AdvanceUntilTakenAsync(application, server);

        Assert.That(server.Offered.Select(offered => offered.MessageId), Is.EqualTo(new[] { message.MessageId, message.MessageId }));
        await EmptyAsync(application);
    }

    [Test]
    public async Task A_message_refused_for_now_does_not_hold_up_the_others()
    {
        await using var server = new MailServer();
        server.AnswerToAddress = address => address == "full@example.com" ? new SmtpResponse((SmtpReplyCode)450, "full") : SmtpResponse.Ok;
        server.Answer = message => message.To.ToString() == "grey@example.com" ? new SmtpResponse(SmtpReplyCode.Aborted, "later") : SmtpResponse.Ok;
        await using var application = Start(server.Port);

        // No time passes.
        foreach (var to in new[] { "full@example.com", "grey@example.com", "ada@example.com" })
        {
            await AddAsync(application, to, Content);
        }

        Assert.That((await server.NextAsync()).To.ToString(), Is.EqualTo("ada@example.com"));
        await UntilAsync(application, queue => queue.Count == 2 && queue.All(message => HasFailed(application, message)));
        (server.AnswerToAddress, server.Answer) = (_ => SmtpResponse.Ok, _ => SmtpResponse.Ok);
        var later = new[] { await AdvanceUntilTakenAsync(application, server), await AdvanceUntilTakenAsync(application, server) };
        Assert.That(later.Select(message => message.To.ToString()), Is.EquivalentTo(new[] { "full@example.com", "grey@example.com" }));
    }

    [Test]
    public async Task A_message_refused_for_good_is_dropped_and_the_next_sent()
    {
        await using var server = new MailServer();
        server.Answer = message => message.To.ToString() == "nobody@example.com" ? SmtpResponse.MailboxUnavailable : SmtpResponse.Ok;
        await using var application = Start(server.Port);

        await AddAsync(application, "nobody@example.com", Content);
        await AddAsync(application, "ada@example.com", Content);

        Assert.That((await server.NextAsync()).To.ToString(), Is.EqualTo("ada@example.com"));
        await EmptyAsync(application);
        Assert.That(server.Offered, Has.Count.EqualTo(2));
    }

    [TestCase(0, TestName = "A_server_that_drops_the_connection_is_tried_again(as it is made)")]
    [TestCase(4, TestName = "A_server_that_drops_the_connection_is_tried_again(within the message)")]
    public async Task A_server_that_drops_the_connection_is_tried_again(int answers)
    {
        using var port = new ReservedPort();
        using var dropping = new DroppingServer(port.Number, answers);
        await using var application = Start(port.Number);

        await AddAsync(application, "ada@example.com", Content);
        await UntilAsync(application, queue => HasFailed(application, queue.Single()));
        dropping.Dispose();
        await using var server = new MailServer(port.Number);

        await AdvanceUntilTakenAsync(application, server);
        await EmptyAsync(application);
    }

    [Test]
    public async Task A_server_that_says_nothing_is_given_up_after_the_limit()
    {
        using var port = new ReservedPort();
        using var silent = new DroppingServer(port.Number, answers: 0, drops: false);
        await using var application = Start(port.Number);

        await AddAsync(application, "ada@example.com", Content);
        await silent.Connected;
        await UntilAsync(
            application,
            queue => queue.Single().Attempts > 1,
            () => application.Time.Advance(TimeSpan.FromSeconds(11)));

        // The program would wait for the attempt that has begun, in a time that does not pass.
        silent.Dispose();
    }

    [Test]
    public async Task A_message_claimed_by_a_dead_process_is_sent_after_its_lease()
    {
        await using var server = new MailServer();
        await using var application = Start(server.Port);
        var id = Guid.CreateVersion7(application.Time.GetUtcNow());
        var claimedUntil = application.Time.GetUtcNow() + MailSender.Lease;
        await application.QueryAsync(context =>
        {
            context.Add(new MailMessage
            {
                Id = id,
                To = "ada@example.com",
                Subject = "A subject",
                Text = "Words",
                Html = "Words",
                CreatedAt = application.Time.GetUtcNow(),
                ExpiresAt = application.Time.GetUtcNow().AddDays(1),
                Attempts = 1,
                NextAttemptAt = claimedUntil,
            });
            return context.SaveChangesAsync();
        });

        // Others pass by it meanwhile.
        foreach (var to in new[] { "grace@example.com", "eve@example.com" })
        {
            await AddAsync(application, to, Content);
            Assert.That((await server.NextAsync()).To.ToString(), Is.EqualTo(to));
        }

        var message = await AdvanceUntilTakenAsync(application, server);
        Assert.That(message.MessageId, Is.EqualTo($"{id:N}@example.com"));
        Assert.That(application.Time.GetUtcNow(), Is.GreaterThanOrEqualTo(claimedUntil));
        Assert.That(server.Offered, Has.Count.EqualTo(3));
    }

    [Test]
    public async Task A_message_that_is_too_old_is_dropped()
    {
        using var port = new ReservedPort();
        await using var application = Start(port.Number);
        await AddAsync(application, "ada@example.com", Content, TimeSpan.FromMinutes(60));
        await UntilAsync(application, queue => HasFailed(application, queue.Single()));

        await UntilAsync(application, queue => queue.Count == 0, () => application.Time.Advance(TimeSpan.FromMinutes(61)));
    }

    [Test]
    public async Task A_certificate_that_nobody_trusts_gets_no_message()
    {
        using var certificate = MailServer.SelfSigned();
        await using var server = new MailServer(certificate: certificate);
        await using var application = Start(server.Port, security: "StartTls");

        await AddAsync(application, "ada@example.com", Content);
        await UntilAsync(application, queue => HasFailed(application, queue.Single()));
        Assert.That(server.Offered, Is.Empty);
    }

    [Test]
    public async Task A_server_without_encryption_gets_no_message_where_it_is_asked()
    {
        await using var server = new MailServer();
        await using var application = Start(server.Port, security: "StartTls");

        await AddAsync(application, "ada@example.com", Content);
        await UntilAsync(application, queue => HasFailed(application, queue.Single()));
        Assert.That(server.Offered, Is.Empty);
    }

    [Test]
    public async Task Nothing_in_a_message_can_add_a_header()
    {
        await using var server = new MailServer();
        await using var application = Start(server.Port);

        await AddAsync(application, "ada@example.com", new MailContent("A\r\nBcc: eve@example.com\r\n\r\nsubject", ".\r\nBcc: eve@example.com\r\n.\r\n", "."));
        var message = await server.NextAsync();

        Assert.That(message.Bcc, Is.Empty);
        Assert.That(message.Subject, Does.Contain("Bcc: eve@example.com"));
        Assert.That(message.TextBody, Does.Contain("Bcc: eve@example.com"));
        Assert.That(message.To, Has.Count.EqualTo(1));
    }

    [TestCase("ada@example.com\r\nBcc: eve@example.com")]
    [TestCase("ada@example.com>\r\nRCPT TO:<eve@example.com")]
    [TestCase("ada@example.com, eve@example.com")]
    public async Task An_address_that_is_more_than_one_gets_no_message(string address)
    {
        await using var server = new MailServer();
        await using var application = Start(server.Port);

        await AddAsync(application, address, Content);
        await EmptyAsync(application);
        Assert.That(server.Offered, Is.Empty);
    }

    [Test]
    public async Task Without_a_server_a_message_is_a_file_of_its_owners()
    {
        using var folder = new TemporaryFolder();
        var mail = Path.Combine(folder.Path, "mail");
        await using var application = new AuthApiApplication(settings: new() { ["Email:PickupDirectory"] = mail }, store: database);

        await AddAsync(application, "ada@example.com", Content);
        await EmptyAsync(application);

        var file = Directory.GetFiles(mail).Single();
        Assert.That(Path.GetExtension(file), Is.EqualTo(".eml"));
        var message = await MimeMessage.LoadAsync(file);
        Assert.That(message.TextBody!.Split('\n').Select(line => line.Trim()), Has.Member("ABCD"));
        if (!OperatingSystem.IsWindows())
        {
            Assert.That(File.GetUnixFileMode(file), Is.EqualTo(UnixFileMode.UserRead | UnixFileMode.UserWrite));
        }
    }

    [Test]
    public async Task Outside_Development_nothing_is_queued_without_a_setting()
    {
        await using var application = new AuthApiApplication(environment: "Production", settings: new() { ["Email:PickupDirectory"] = "" }, store: database);

        await AddAsync(application, "ada@example.com", Content);

        Assert.That(await QueueAsync(application), Is.Empty);
        await application.WithScopeAsync(services =>
        {
            Assert.That(services.GetRequiredService<MailQueue>().IsConfigured, Is.False);
            return Task.CompletedTask;
        });
    }

    [Test]
    public async Task Identitys_sender_queues_a_message()
    {
        await using var server = new MailServer();
        await using var application = Start(server.Port);

        await application.WithScopeAsync(services => services.GetRequiredService<IEmailSender<ApplicationUser>>()
            .SendPasswordResetCodeAsync(new ApplicationUser { Id = 1 }, "ada@example.com", "ABCD-EFGH-JKMN"));

        Assert.That((await server.NextAsync()).TextBody!.Split('\n').Select(line => line.Trim()), Has.Member("ABCD-EFGH-JKMN"));
    }

    private AuthApiApplication Start(int port, string security = "None") => new(settings: new()
    {
        ["Email:From"] = "Example <no-reply@example.com>",
        ["Email:Smtp:Host"] = "localhost",
        ["Email:Smtp:Port"] = $"{port}",
        ["Email:Smtp:Security"] = security,
        ["Email:Smtp:Timeout"] = "00:00:10",
    }, store: database);

    private static Task AddAsync(AuthApiApplication application, string to, MailContent content, TimeSpan? lifetime = null) =>
        application.WithScopeAsync(async services =>
        {
            services.GetRequiredService<MailQueue>().Add(to, content, userId: 1, lifetime);
            await services.GetRequiredService<AuthDbContext>().SaveChangesAsync();
        });

    private static Task<List<MailMessage>> QueueAsync(AuthApiApplication application) =>
        application.QueryAsync(context => context.Set<MailMessage>().AsNoTracking().ToListAsync());

    private static Task EmptyAsync(AuthApiApplication application) => UntilAsync(application, queue => queue.Count == 0);

    // While it is being sent it is claimed for longer.
    private static bool HasFailed(AuthApiApplication application, MailMessage message) =>
        message.Attempts > 0 && message.NextAttemptAt < application.Time.GetUtcNow() + (MailSender.Lease / 2);

    // What the sender does is seen in the queue only.
    private static async Task UntilAsync(AuthApiApplication application, Func<List<MailMessage>, bool> condition, Action? act = null)
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        for (var looks = 0; !condition(await QueueAsync(application)); looks++)
        {
            // As time passes anyway. On a busy machine an attempt may have failed, and the next is minutes away; between two leaps it has a second to end.
            var step = looks > 250 && looks % 50 == 0 ? MailSender.Lease / 10 : TimeSpan.FromMilliseconds(20);
            (act ?? (() => application.Time.Advance(step)))();
            await Task.Delay(20, limit.Token);
        }
    }

    // The sender may not be waiting yet when time passes.
    private static async Task<MimeMessage> AdvanceUntilTakenAsync(AuthApiApplication application, MailServer server)
    {
        var next = server.NextAsync();
        while (!next.IsCompleted)
        {
            application.Time.Advance(TimeSpan.FromSeconds(6));
            await Task.WhenAny(next, Task.Delay(50));
        }

        return await next;
    }

    /// <summary>Answers as an SMTP server does, so many times, and then drops the connection or says nothing more.</summary>
    private sealed class DroppingServer : IDisposable
    {
        private static readonly string[] Answers = ["220 localhost", "250 localhost", "250 Ok", "250 Ok", "354 Go on"];

        private readonly TcpListener _listener;
        private readonly TaskCompletionSource _connected = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private readonly List<TcpClient> _open = [];

        public DroppingServer(int port, int answers, bool drops = true)
        {
            _listener = new TcpListener(IPAddress.Loopback, port);
            _listener.Start();
            _ = ServeAsync(answers, drops);
        }

        public Task Connected => _connected.Task;

        public void Dispose()
        {
            _listener.Dispose();
            _open.ForEach(client => client.Dispose());
        }

        private async Task ServeAsync(int answers, bool drops)
        {
            try
            {
                while (true)
                {
                    var client = await _listener.AcceptTcpClientAsync();
                    _open.Add(client);
                    _connected.TrySetResult();
                    var stream = client.GetStream();
                    for (var i = 0; i < answers; i++)
                    {
                        await stream.WriteAsync(Encoding.ASCII.GetBytes(Answers[i] + "\r\n"));
                        if (i + 1 < answers)
                        {
                            await stream.ReadAtLeastAsync(new byte[1024], 1);
                        }
                    }

                    if (drops)
                    {
                        client.Dispose();
                    }
                }
            }
            catch (Exception exception) when (exception is SocketException or ObjectDisposedException or IOException)
            {
            }
        }
    }
}
