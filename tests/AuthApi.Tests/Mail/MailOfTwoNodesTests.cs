using AuthApi.Mail;
using AuthApi.Storage;
using AuthApi.Tests.Harness;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using SmtpServer.Protocol;

namespace AuthApi.Tests.Mail;

/// <summary>The queue that two nodes on one PostgreSQL database have together.</summary>
internal sealed class MailOfTwoNodesTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    [Test]
    public async Task Two_nodes_that_read_one_queue_send_each_message_once()
    {
        // Each node stands at its first message, with the others in what it has read, until the test lets it on.
        using var first = new ManualResetEventSlim();
        using var second = new ManualResetEventSlim();
        await using var server = new MailServer();
        server.Answer = _ =>
        {
            (server.Offered.Count switch { 1 => first, 2 => second, _ => null })?.Wait(Patience);
            return SmtpResponse.Ok;
        };
        await using var one = Start(server.Port);
        await one.WithScopeAsync(async services =>
        {
            for (var i = 0; i < 4; i++)
            {
                services.GetRequiredService<MailQueue>().Add($"user{i}@example.com", new MailContent("A subject", "Words", "Words"), userId: 1);
            }

            await services.GetRequiredService<AuthDbContext>().SaveChangesAsync();
        });
        await UntilAsync(() => Task.FromResult(server.Offered.Count == 1));
        await using var other = Start(server.Port, one.Services.GetRequiredService<PostgreSqlStorage>().ConnectionString);
        other.StartServer();
        await UntilAsync(() => Task.FromResult(server.Offered.Count == 2));

        first.Set();
        await UntilAsync(async () => await QueuedAsync(one) == 1);
        second.Set();
        await UntilAsync(async () => await QueuedAsync(one) == 0);

        Assert.That(
            server.Offered.Select(message => message.To.ToString()).Order(),
            Is.EqualTo(new[] { "user0@example.com", "user1@example.com", "user2@example.com", "user3@example.com" }));
    }

    private static AuthApiApplication Start(int port, string? connectionString = null)
    {
        var settings = new Dictionary<string, string?>
        {
            ["Email:From"] = "Example <no-reply@example.com>",
            ["Email:Smtp:Host"] = "localhost",
            ["Email:Smtp:Port"] = $"{port}",
            ["Email:Smtp:Security"] = "None",
        };
        if (connectionString is not null)
        {
            settings["ConnectionStrings:Auth"] = connectionString;
        }

        return new AuthApiApplication(settings: settings, store: TestedStore.PostgreSql);
    }

    private static Task<int> QueuedAsync(AuthApiApplication application) => application.QueryAsync(context => context.Set<MailMessage>().CountAsync());

    private static async Task UntilAsync(Func<Task<bool>> condition)
    {
        using var limit = new CancellationTokenSource(Patience);
        while (!await condition())
        {
            await Task.Delay(10, limit.Token);
        }
    }
}
