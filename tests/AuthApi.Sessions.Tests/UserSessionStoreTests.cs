using System.Security.Claims;
using AuthApi.Accounts;
using AuthApi.Sessions;
using AuthApi.Tests.Harness;
using Microsoft.AspNetCore.Identity;
using Microsoft.Data.Sqlite;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;

namespace AuthApi.Tests.Sessions;

/// <summary>The store on a real SQLite file.</summary>
internal sealed class UserSessionStoreTests
{
    private static readonly DateTimeOffset Now = new(2026, 3, 1, 12, 0, 0, TimeSpan.Zero);

    private AuthApiApplication _application = null!;
    private IUserSessionStore _store = null!;
    private int _userId;

    [SetUp]
    public async Task SetUp()
    {
        _application = new AuthApiApplication();
        using var browser = _application.NewBrowser();
        _userId = await browser.RegisterAsync();
        _store = _application.Services.GetRequiredService<IUserSessionStore>();
    }

    [TearDown]
    public async Task TearDown() => await _application.DisposeAsync();

    [Test]
    public async Task A_started_session_is_found_by_its_hash_with_all_facts()
    {
        var session = await StartAsync();

        var found = await _store.FindAsync(session.TokenHash);

        Assert.That(found!.Session, Is.EqualTo(session).UsingPropertiesComparer());
        Assert.That(found.User.Email, Is.EqualTo("ada@example.com"));
    }

    [Test]
    public async Task The_user_is_found_as_Entity_Framework_reads_it()
    {
        var session = await StartAsync();
        await _application.WithScopeAsync(async provider =>
        {
            var (users, roles) = (provider.GetRequiredService<ApplicationUserManager>(), provider.GetRequiredService<RoleManager<IdentityRole<int>>>());
            var user = (await users.FindByIdAsync($"{_userId}"))!;
            user.EmailConfirmed = user.PhoneNumberConfirmed = user.TwoFactorEnabled = user.LockoutEnabled = true;
            (user.PhoneNumber, user.LockoutEnd, user.AccessFailedCount) = ("+44 20 7946 0000", Now.AddMinutes(1), 3);
            await users.UpdateAsync(user);
            var role = new IdentityRole<int>("Admin");
            await roles.CreateAsync(role);
            await roles.AddClaimAsync(role, new Claim("may", "everything"));
            await users.AddToRoleAsync(user, "Admin");
            await users.AddClaimAsync(user, new Claim("likes", "tea"));
        });

        var found = (await _store.FindAsync(session.TokenHash))!;

        Assert.That(found.User, Is.EqualTo(await _application.QueryAsync(context => context.Users.AsNoTracking().SingleAsync())).UsingPropertiesComparer());
        var fast = await _application.Services.GetRequiredService<ISessionPrincipalFactory>().CreateAsync(found);
        var identitys = await new IdentityPrincipalFactory(_application.Services.GetRequiredService<IServiceScopeFactory>()).CreateAsync(found);
        Assert.That(fast.Claims.Select(Text), Is.EquivalentTo(identitys.Claims.Where(claim => claim.Type != "AspNet.Identity.SecurityStamp").Select(Text)));
        Assert.That(fast.IsInRole("Admin"), Is.True);
        Assert.That(found.Roles, Is.EqualTo(new[] { "Admin" }));
        Assert.That(found.Claims.Select(claim => (claim.Type, claim.Value)), Is.EqualTo(new[] { ("likes", "tea"), ("may", "everything") }));

        static string Text(Claim claim) => $"{claim.Type}={claim.Value} ({claim.ValueType})";
    }

    [TestCase(false, false)]
    [TestCase(true, false)]
    [TestCase(false, true)]
    public async Task A_role_or_a_claim_alone_is_found(bool hasRole, bool hasClaim)
    {
        var session = await StartAsync();
        await _application.WithScopeAsync(async provider =>
        {
            var (users, roles) = (provider.GetRequiredService<ApplicationUserManager>(), provider.GetRequiredService<RoleManager<IdentityRole<int>>>());
            var user = (await users.FindByIdAsync($"{_userId}"))!;
            await roles.CreateAsync(new IdentityRole<int>("Admin"));
            if (hasRole)
            {
                await users.AddToRoleAsync(user, "Admin");
            }

            if (hasClaim)
            {
                await users.AddClaimAsync(user, new Claim("likes", "tea"));
            }
        });

        var found = (await _store.FindAsync(session.TokenHash))!;

        Assert.That(found.Roles, Is.EqualTo(hasRole ? ["Admin"] : Array.Empty<string>()));
        Assert.That(found.Claims.Select(claim => claim.Value), Is.EqualTo(hasClaim ? ["tea"] : Array.Empty<string>()));
    }

    [Test]
    public async Task An_unknown_token_is_not_found()
    {
        await StartAsync();

        Assert.That(await _store.FindAsync(SessionToken.Create().Hash), Is.Null);
    }

    [Test]
    public async Task An_ended_session_is_not_found_and_its_event_is_written()
    {
        var session = await StartAsync();

        var ended = await EndAsync(session);

        Assert.That(ended, Is.EqualTo(new EndedSession(_userId, session.Id, session.TokenHash, AuditEvent.SignedOut, Reason: null)));

        Assert.That(await _store.FindAsync(session.TokenHash), Is.Null);
        Assert.That(await _application.EventsAsync(_userId), Is.EqualTo(new[] { AuditEvent.SignedIn, AuditEvent.SignedOut }));
    }

    [Test]
    public async Task A_session_ends_once()
    {
        var session = await StartAsync();

        var ended = await Task.WhenAll(Enumerable.Range(0, 100).Select(_ => EndAsync(session)));

        Assert.That(ended.Count(first => first is not null), Is.EqualTo(1));
        Assert.That(await _application.EventsAsync(_userId), Is.EqualTo(new[] { AuditEvent.SignedIn, AuditEvent.SignedOut }));
    }

    [Test]
    public async Task A_replaced_session_ends_with_the_start_of_the_next()
    {
        var first = await StartAsync();
        var second = await StartAsync(replaces: first);

        Assert.That(await _store.FindAsync(first.TokenHash), Is.Null);
        Assert.That(await _store.FindAsync(second.TokenHash), Is.Not.Null);
    }

    [Test]
    public async Task A_refused_start_ends_nothing()
    {
        var first = await StartAsync();
        var ofNobody = SessionExamples.New(userId: 999, Now);

        Assert.That(
            () => _store.StartAsync(ofNobody, SessionExamples.Start(first)),
            Throws.InstanceOf<SqliteException>());

        Assert.That(await _store.FindAsync(first.TokenHash), Is.Not.Null);
        Assert.That(await _application.EventsAsync(_userId), Is.EqualTo(new[] { AuditEvent.SignedIn }));
    }

    [Test]
    public async Task Last_uses_only_move_forward()
    {
        var session = await StartAsync();

        await _store.WriteLastSeenAsync([new LastSeen(session.UserId, session.Id, Now.AddMinutes(5), Now.AddMinutes(35))]);
        await _store.WriteLastSeenAsync([new LastSeen(session.UserId, session.Id, Now.AddMinutes(4), Now.AddMinutes(34))]);

        var found = (await _store.FindAsync(session.TokenHash))!.Session;
        Assert.That(found.LastSeenAt, Is.EqualTo(Now.AddMinutes(5)));
        Assert.That(found.IdleExpiresAt, Is.EqualTo(Now.AddMinutes(35)));
    }

    [Test]
    public async Task A_last_use_does_not_revive_an_ended_session()
    {
        var session = await StartAsync();
        await EndAsync(session);

        await _store.WriteLastSeenAsync([new LastSeen(session.UserId, session.Id, Now.AddMinutes(5), Now.AddMinutes(35))]);

        Assert.That(await _application.StoredSessionsAsync(), Is.Empty);
    }

    [Test]
    public async Task Expired_sessions_are_deleted_in_batches()
    {
        var old = await StartAsync(at: Now.AddHours(-3));
        var live = await StartAsync();
        var older = await StartAsync(at: Now.AddHours(-4));

        var batches = new List<IReadOnlyList<EndedSession>>();
        await foreach (var batch in _store.DeleteExpiredAsync(Now, batch: 1))
        {
            batches.Add(batch);
        }

        Assert.That(batches.Select(batch => batch.Single().TokenHash), Is.EquivalentTo(new[] { old.TokenHash, older.TokenHash }));
        Assert.That((await _application.StoredSessionsAsync()).Select(session => session.Id), Is.EqualTo(new[] { live.Id }));
        Assert.That((await _application.EventsAsync(_userId)).Count(what => what == AuditEvent.SessionExpired), Is.EqualTo(2));
    }

    [Test]
    public async Task A_session_used_during_its_cleanup_stays()
    {
        var first = await StartAsync(at: Now.AddHours(-3));
        var second = await StartAsync(at: Now.AddHours(-3));
        await using var batches = _store.DeleteExpiredAsync(Now, batch: 2).GetAsyncEnumerator();
        await _application.QueryAsync(async context =>
        {
            // The writer is held, and with it the deletion of what was found; meanwhile a last use of one of them comes in before it.
            await using var transaction = await context.Database.BeginTransactionAsync();
            var deleted = batches.MoveNextAsync();
            await context.Database.ExecuteSqlAsync($"""UPDATE "UserSessions" SET "IdleExpiresAt" = {Now.AddMinutes(30).ToUnixTimeMilliseconds()} WHERE "Id" = {second.Id}""");
            await transaction.CommitAsync();
            return await deleted;
        });

        Assert.That(batches.Current.Select(session => session.TokenHash), Is.EqualTo(new[] { first.TokenHash }));
        Assert.That((await _application.StoredSessionsAsync()).Select(session => session.Id), Is.EqualTo(new[] { second.Id }));
    }

    [Test]
    public async Task The_token_is_in_no_file_and_the_stored_hash_opens_nothing()
    {
        using var browser = _application.NewBrowser();
        await browser.LogInAsync();
        var hash = (await _application.StoredSessionsAsync()).Single().TokenHash.ToArray();

        foreach (var file in new[] { _application.DatabaseFile, _application.DatabaseFile + "-wal", _application.DatabaseFile + "-shm" })
        {
            var content = await ReadSharedAsync(file);
            Assert.That(content.AsSpan().IndexOf(System.Text.Encoding.ASCII.GetBytes(browser.Token)), Is.EqualTo(-1), file);
            Assert.That(content.AsSpan().IndexOf(System.Buffers.Text.Base64Url.DecodeFromChars(browser.Token)), Is.EqualTo(-1), file);
        }

        browser.Cookies["__Host-session"] = System.Buffers.Text.Base64Url.EncodeToString(hash);
        Assert.That(await browser.MeAsync(), Is.EqualTo(System.Net.HttpStatusCode.Unauthorized));
    }

    [TestCase("SELECT * FROM UserSessions WHERE Key = 1 AND TokenHash = x'00'", "UserSessions USING INTEGER PRIMARY KEY (rowid=?)")]
    [TestCase("SELECT s.Id, u.Id FROM UserSessions s JOIN AspNetUsers u ON u.Id = s.UserId WHERE s.Key = 1 AND s.TokenHash = x'00'", "s USING INTEGER PRIMARY KEY (rowid=?)", "u USING INTEGER PRIMARY KEY (rowid=?)")]
    [TestCase("SELECT * FROM UserSessions WHERE UserId = 1", "UserSessions USING INDEX IX_UserSessions_UserId_Id (UserId=?)")]
    [TestCase("UPDATE UserSessions SET LastSeenAt = 1 WHERE UserId = 1 AND Id = 'x'", "UserSessions USING INDEX IX_UserSessions_UserId_Id (UserId=? AND Id=?)")]
    [TestCase("DELETE FROM UserSessions WHERE UserId = 1 AND Id = 'x' AND IdleExpiresAt <= 1 RETURNING TokenHash", "UserSessions USING INDEX IX_UserSessions_UserId_Id (UserId=? AND Id=?)")]
    [TestCase("SELECT * FROM AuditEntries WHERE UserId = 1 AND Id < 9 ORDER BY Id DESC LIMIT 5", "AuditEntries USING INDEX IX_AuditEntries_UserId_Id (UserId=? AND Id<?)")]
    public async Task Every_query_uses_an_index(string query, params string[] searches)
    {
        await using var connection = new SqliteConnection($"Data Source={_application.DatabaseFile};Pooling=False");
        await connection.OpenAsync();
        await using var command = connection.CreateCommand();
        command.CommandText = "EXPLAIN QUERY PLAN " + query;
        await using var reader = await command.ExecuteReaderAsync();
        var steps = new List<string>();
        while (await reader.ReadAsync())
        {
            steps.Add(reader.GetString(3));
        }

        // Whatever else a step says, it does not go through a table row by row.
        Assert.That(steps.Where(step => step.StartsWith("SEARCH", StringComparison.Ordinal)), Is.EqualTo(searches.Select(search => "SEARCH " + search)));
        Assert.That(steps, Has.None.StartsWith("SCAN").And.None.Contains("TEMP B-TREE"));
    }

    [Test]
    public async Task An_end_by_id_finds_the_renewed_token()
    {
        var session = await StartAsync();
        var renewed = SessionToken.Create().Hash;
        var entry = new AuditEntry { At = Now, Event = AuditEvent.Reauthenticated, UserId = _userId, SessionId = session.Id };
        await _store.RenewAsync(session, renewed, Now, entry);

        Assert.That((await EndAsync(session))!.TokenHash, Is.EqualTo(renewed));
        Assert.That(await _store.FindAsync(renewed), Is.Null);
    }

    [Test]
    public async Task An_end_by_id_needs_the_right_user()
    {
        var session = await StartAsync();

        var ended = await _store.EndAsync(_userId + 1, session.Id, new SessionEnd(AuditEvent.SessionRevoked), Now);

        Assert.That(ended, Is.Null);
        Assert.That(await _store.FindAsync(session.TokenHash), Is.Not.Null);
    }

    [Test]
    public async Task All_sessions_of_a_user_end_without_a_current_one()
    {
        var (first, second) = (await StartAsync(), await StartAsync());

        var ended = await _store.EndAllAsync(_userId, new SessionEnd(AuditEvent.SessionRevoked, Reason: "account_disabled"), Now, except: null);

        Assert.That(ended, Is.EquivalentTo(new[] { first, second }.Select(session =>
            new EndedSession(_userId, session.Id, session.TokenHash, AuditEvent.SessionRevoked, "account_disabled"))));
        Assert.That(await _application.StoredSessionsAsync(), Is.Empty);
        Assert.That((await EntriesAsync()).Select(entry => entry.BySessionId), Is.All.Null);
    }

    [Test]
    public async Task The_session_that_ends_all_signs_out_itself()
    {
        var (current, other) = (await StartAsync(), await StartAsync());

        var ended = await _store.EndAllAsync(_userId, new SessionEnd(AuditEvent.SessionRevoked, BySessionId: current.Id, Reason: "logout_all"), Now, except: null);

        Assert.That(ended.Select(session => (session.SessionId, session.Event)), Is.EquivalentTo(new[]
        {
            (current.Id, AuditEvent.SignedOut), (other.Id, AuditEvent.SessionRevoked),
        }));
        Assert.That((await EntriesAsync()).Where(entry => entry.Event != AuditEvent.SignedIn).Select(entry => (entry.SessionId, entry.BySessionId)),
            Is.EquivalentTo(new (Guid?, Guid?)[] { (current.Id, null), (other.Id, current.Id) }));
    }

    private static async Task<byte[]> ReadSharedAsync(string file)
    {
        await using var stream = new FileStream(file, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
        using var content = new MemoryStream();
        await stream.CopyToAsync(content);
        return content.ToArray();
    }

    private async Task<UserSession> StartAsync(UserSession? replaces = null, DateTimeOffset? at = null)
    {
        var session = SessionExamples.New(_userId, at ?? Now);
        await _store.StartAsync(session, SessionExamples.Start(replaces));
        return session;
    }

    private Task<EndedSession?> EndAsync(UserSession session) => _store.EndAsync(_userId, session.Id, new SessionEnd(AuditEvent.SignedOut), Now);

    private Task<List<AuditEntry>> EntriesAsync() => _application.QueryAsync(context => context.Set<AuditEntry>().AsNoTracking().ToListAsync());
}
