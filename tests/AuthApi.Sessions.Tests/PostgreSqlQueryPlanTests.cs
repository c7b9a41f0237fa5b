using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;

namespace AuthApi.Sessions.Tests;

/// <summary>
/// The plans of what the PostgreSQL store really runs, as the server logs them, on tables of 100,000 rows. Each statement runs often enough to be planned once
/// for all values.
/// </summary>
internal sealed class PostgreSqlQueryPlanTests
{
    private const string SessionKey = "\"PK_UserSessions\"";
    private const string SessionIds = "\"IX_UserSessions_UserId_Id\"";
    private const string UserKey = "\"PK_AspNetUsers\"";
    private const string EventKey = "\"PK_AuditEntries\"";
    private const string EventsOfUser = "\"IX_AuditEntries_UserId_Id\"";
    private const string EventTimes = "\"IX_AuditEntries_At\"";

    private static readonly DateTimeOffset Now = new(2026, 3, 1, 12, 0, 0, TimeSpan.Zero);

    private PostgreSqlServer _server = null!;
    private StockApplication _application = null!;

    private IUserSessionStore Store => _application.Services.GetRequiredService<IUserSessionStore>();

    [OneTimeSetUp]
    public async Task SetUp()
    {
        _server = await PostgreSqlServer.StartAsync(
            "fsync=off", "session_preload_libraries=auto_explain", "auto_explain.log_min_duration=0", "auto_explain.log_nested_statements=on", "autovacuum=off");
        _application = await StockApplication.StartAsync(new() { Store = TestedStore.PostgreSql, Server = _server });
        await _application.QueryAsync(async context =>
        {
            await context.Database.ExecuteSqlRawAsync(
                """
                INSERT INTO "AspNetUsers" ("Id", "UserName", "SecurityStamp", "DisplayName", "EmailConfirmed", "PhoneNumberConfirmed", "TwoFactorEnabled", "LockoutEnabled", "AccessFailedCount")
                SELECT 'user' || i, 'user' || i, 'stamp', '', false, false, false, false, 0 FROM generate_series(1, 20000) AS i;
                INSERT INTO "UserSessions" ("Key", "Id", "UserId", "TokenHash", "CreatedAt", "LastSeenAt", "IdleExpiresAt", "AbsoluteExpiresAt", "AuthenticatedAt", "AuthenticationMethods", "Transport", "RememberMe")
                SELECT hashint8extended(i, 1), gen_random_uuid(), 'user' || (1 + i % 20000), sha256(int8send(i)), now(), now(), '2030-01-01', '2030-01-01', now(), 'pwd', 'Cookie', false
                FROM generate_series(1, 100000) AS i;
                INSERT INTO "AuditEntries" ("At", "Event", "UserId", "SessionId")
                SELECT timestamptz '2026-01-01' + i * interval '1 minute', 'SignedIn', 'user' || (1 + i % 20000), gen_random_uuid() FROM generate_series(1, 100000) AS i;
                """);
            await context.Database.ExecuteSqlRawAsync("VACUUM ANALYZE");
            return true;
        });
    }

    [OneTimeTearDown]
    public async Task TearDown()
    {
        if (_application is not null)
        {
            await _application.DisposeAsync();
        }

        if (_server is not null)
        {
            await _server.DisposeAsync();
        }
    }

    [Test]
    public Task A_look_up_and_a_confirmation_use_the_key() => UsesAsync([SessionKey], async session =>
    {
        await Task.WhenAll(Enumerable.Range(0, 50).Select(_ => Store.FindAsync(session.TokenHash)));
        await Task.WhenAll(Enumerable.Range(0, 50).Select(_ => Store.ConfirmAsync(session.TokenHash)));
    });

    [Test]
    public Task A_start_uses_the_keys() => UsesAsync([UserKey, SessionIds], _ => Task.CompletedTask);

    [Test]
    public Task A_start_that_ends_others_uses_their_ids() => UsesAsync([UserKey, SessionIds], session =>
        Store.StartAsync(SessionExamples.New(session.UserId, Now), SessionExamples.Start(session, maxPerUser: 1) with { SecurityStamp = "stamp" }));

    [Test]
    public Task Ends_use_the_ids() => UsesAsync([SessionIds], async session =>
    {
        var others = new List<UserSession>();
        for (var i = 0; i < 30; i++)
        {
            others.Add(SessionExamples.New(session.UserId, Now));
            await Store.StartAsync(others[^1], SessionExamples.Start());
        }

        await Task.WhenAll(others.Select(other => Store.EndAsync(other.UserId, other.Id, new SessionEnd(AuditEvent.SignedOut), Now)));
    });

    [Test]
    public Task An_end_of_all_uses_the_ids() => UsesAsync([SessionIds, UserKey], session => Store.EndAllAsync(session.UserId, new SessionEnd(AuditEvent.SessionRevoked), Now, except: null));

    [Test]
    public Task A_change_of_versions_uses_the_ids() => UsesAsync([SessionIds, UserKey], session => _application.QueryAsync(async context =>
    {
        await context.Database.OpenConnectionAsync();
        await Store.RaisePrincipalVersionAsync(context.Database.GetDbConnection(), transaction: null, session.UserId);
        return true;
    }));

    [Test]
    public Task A_renewal_uses_the_key() => UsesAsync([SessionKey], session => Store.RenewAsync(
        session, SessionToken.Create().Hash, Now, new AuditEntry { At = Now, Event = AuditEvent.Reauthenticated, UserId = session.UserId, SessionId = session.Id }));

    [Test]
    public Task Last_uses_use_the_ids() => UsesAsync([SessionIds], session => Store.WriteLastSeenAsync(
        [.. Enumerable.Range(0, 200).Select(_ => new LastSeen(session.UserId, session.Id, Now.AddMinutes(1), Now.AddMinutes(31), default))]));

    [Test]
    public Task A_cleanup_uses_the_key() => UsesAsync([SessionKey], async _ =>
    {
        await foreach (var batch in Store.DeleteExpiredAsync(Now.AddHours(-1), batch: 500))
        {
            Assert.That(batch, Is.Not.Empty);
        }
    });

    [Test]
    public Task Events_use_their_indexes() => UsesAsync([EventsOfUser, EventKey, EventTimes], async session =>
    {
        await Store.ListEventsAsync(session.UserId, long.MaxValue, 20);
        await Store.WasStartedAsync(session.UserId, session.Id);
        await Store.LastEventAtAsync();
        await Store.DeleteEventsAsync(new DateTimeOffset(2026, 1, 2, 0, 0, 0, TimeSpan.Zero), 100);
    });

    // As often as a plan for all values needs, and once more.
    private async Task UsesAsync(string[] indexes, Func<UserSession, Task> run)
    {
        var before = await ReadLogAsync();
        for (var i = 0; i < 12; i++)
        {
            var session = SessionExamples.New("user" + (i + 1), Now);
            Assert.That(await Store.StartAsync(session, SessionExamples.Start()), Is.Not.Null);
            await run(session);
        }

        var plans = (await ReadLogAsync())[before.Length..];
        Assert.That(plans, Does.Not.Contain("Seq Scan"), plans);
        foreach (var index in indexes)
        {
            Assert.That(plans, Does.Contain($"using {index}").Or.Contain($"on {index}"), plans);
        }
    }

    // What the server has logged when it logs this too.
    private async Task<string> ReadLogAsync()
    {
        var marker = Guid.CreateVersion7().ToString();
        await _server.ExecuteAsync("postgres", $"DO $$ BEGIN RAISE LOG '{marker}'; END $$");
        while (!_server.Log.Contains(marker, StringComparison.Ordinal))
        {
            await Task.Delay(10);
        }

        return _server.Log;
    }
}
