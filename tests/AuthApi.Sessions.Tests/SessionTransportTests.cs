using System.Text.Json;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;

namespace AuthApi.Sessions.Tests;

internal sealed class SessionTransportTests
{
    [TestCase(SessionTransport.Cookie, "Cookie", "cookie")]
    [TestCase(SessionTransport.Header, "Header", "header")]
    public async Task Words_in_the_database_and_the_API_stay(SessionTransport transport, string stored, string api)
    {
        Assert.That(JsonSerializer.Serialize(transport), Is.EqualTo($"\"{api}\""));
        Assert.That(JsonSerializer.Deserialize<SessionTransport>($"\"{api}\""), Is.EqualTo(transport));

        await using var application = await StockApplication.StartAsync();
        using var browser = application.NewBrowser();
        var session = SessionExamples.New(await browser.SignUpAsync(), application.Time.GetUtcNow()) with { Transport = transport };
        var store = application.Services.GetRequiredService<IUserSessionStore>();
        await store.StartAsync(session, SessionExamples.Start());

        // By the store and by EF Core, which reads the same column.
        Assert.That(
            await application.QueryAsync(context => context.Database.SqlQuery<string>($"""SELECT "Transport" AS "Value" FROM "UserSessions" """).SingleAsync()),
            Is.EqualTo(stored));
        Assert.That((await store.FindAsync(session.TokenHash))!.Transport, Is.EqualTo(transport));
        Assert.That(
            await application.QueryAsync(context => context.Set<UserSession>().SingleAsync()),
            Has.Property(nameof(UserSession.Transport)).EqualTo(transport));
    }
}
