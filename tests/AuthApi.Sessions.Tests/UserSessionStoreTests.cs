using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Storage;

namespace AuthApi.Sessions.Tests;

/// <summary>A store to test, in the database of an application with two users.</summary>
public abstract class StoreUnderTest : IAsyncDisposable
{
    /// <summary>The store. Another instance after <see cref="ReopenAsync"/>.</summary>
    public abstract IUserSessionStore Store { get; }

    /// <summary>A user's id.</summary>
    public abstract string UserId { get; }

    /// <summary>That user's security stamp.</summary>
    public abstract string SecurityStamp { get; }

    /// <summary>Another user's id.</summary>
    public abstract string OtherUserId { get; }

    /// <summary>The id of nobody.</summary>
    public abstract string UnknownUserId { get; }

    /// <summary>Runs something with a context of the application on the same database.</summary>
    public abstract Task<TResult> WithContextAsync<TResult>(Func<DbContext, Task<TResult>> action);

    /// <summary>Changes the user's security stamp in a transaction of the context, behind EF Core, so that no interceptor sees it.</summary>
    public abstract Task ChangeStampAsync(DbContext context, string stamp);

    /// <summary>Deletes the user as another program would.</summary>
    public abstract Task DeleteUserAsync(DbContext context);

    /// <summary>Ends the process that serves the store, without a word, and serves the same database by another.</summary>
    public abstract Task ReopenAsync();

    /// <summary>Puts the database out of reach, for good.</summary>
    public abstract Task TakeAwayAsync();

    /// <inheritdoc/>
    public abstract ValueTask DisposeAsync();
}

/// <summary>
/// What every <see cref="IUserSessionStore"/> promises. A store is tested by a fixture that inherits this one and says how to create it.
/// </summary>
public abstract class UserSessionStoreTests
{
    private static readonly DateTimeOffset Now = new(2026, 3, 1, 12, 0, 0, TimeSpan.Zero);

    private StoreUnderTest _tested = null!;

    private IUserSessionStore Store => _tested.Store;

    private string UserId => _tested.UserId;

    [SetUp]
    public async Task SetUp() => _tested = await CreateStoreAsync();

    [TearDown]
    public async Task TearDown() => await _tested.DisposeAsync();

    /// <summary>Creates a store without sessions.</summary>
    protected abstract Task<StoreUnderTest> CreateStoreAsync();

    [Test]
    public async Task A_started_session_is_found_by_its_hash_with_all_facts()
    {
        var session = await StartAsync();

        Assert.That(await Store.FindAsync(session.TokenHash), Is.EqualTo(session).UsingPropertiesComparer());
    }

    [Test]
    public async Task A_refresh_of_an_ended_session_starts_none()
    {
        var (first, other) = (await StartAsync(), await StartAsync());
        await EndAsync(first);

        var refresh = SessionExamples.Start() with { Replaces = [other, first], MustEnd = first.Id };
        var started = await Store.StartAsync(SessionExamples.New(UserId, Now), refresh);

        Assert.That(started, Is.Null);
        Assert.That((await Store.ListAsync(UserId)).Select(session => session.Id), Is.EqualTo(new[] { other.Id }), "nothing was written");
    }

    [Test]
    public async Task A_refresh_ends_what_it_refreshes()
    {
        var first = await StartAsync();
        var next = SessionExamples.New(UserId, Now);

        var ended = await Store.StartAsync(next, SessionExamples.Start() with { Replaces = [first], MustEnd = first.Id });

        Assert.That(ended!.Select(session => session.SessionId), Is.EqualTo(new[] { first.Id }));
        Assert.That((await Store.ListAsync(UserId)).Select(session => session.Id), Is.EqualTo(new[] { next.Id }));
    }

    [Test]
    public async Task A_session_that_must_be_the_first_starts_once()
    {
        var session = SessionExamples.New(UserId, Now);
        var once = SessionExamples.Start() with { MustBeFirst = true };
        Assert.That(await Store.StartAsync(session, once), Is.Not.Null);
        await EndAsync(session);

        var again = await Store.StartAsync(session with { TokenHash = SessionToken.Create().Hash }, once);

        Assert.That(again, Is.Null);
        Assert.That(await Store.ListAsync(UserId), Is.Empty);
    }

    [Test]
    public async Task Versions_are_raised_of_one_user_or_of_all()
    {
        var mine = await StartAsync();
        var others = SessionExamples.New(_tested.OtherUserId, Now);
        await Store.StartAsync(others, SessionExamples.Start());

        await Store.RaisePrincipalVersionAsync(UserId);
        await Store.RaisePrincipalVersionAsync(userId: null);

        Assert.That((await Store.FindAsync(mine.TokenHash))!.PrincipalVersion, Is.EqualTo(2));
        Assert.That((await Store.FindAsync(others.TokenHash))!.PrincipalVersion, Is.EqualTo(1));
    }

    [Test]
    public async Task A_session_without_optional_facts_is_found()
    {
        var session = SessionExamples.New(UserId, Now) with
        {
            AuthenticationMethods = [],
            Transport = SessionTransport.Header,
            RememberMe = false,
            IpAddress = null,
            UserAgent = null,
        };
        await Store.StartAsync(session, SessionExamples.Start());

        Assert.That(await Store.FindAsync(session.TokenHash), Is.EqualTo(session).UsingPropertiesComparer());
    }

    [Test]
    public async Task An_unknown_token_is_not_found()
    {
        await StartAsync();

        Assert.That(await Store.FindAsync(SessionToken.Create().Hash), Is.Null);
    }

    [Test]
    public async Task An_expired_session_is_found_until_it_is_deleted()
    {
        var session = await StartAsync(at: Now.AddDays(-1));

        Assert.That(await Store.FindAsync(session.TokenHash), Is.Not.Null);
        Assert.That(await Store.FindAsync(UserId, session.Id), Is.Not.Null);
    }

    [Test]
    public async Task A_session_is_found_by_its_id_for_its_user_only()
    {
        var (session, other) = (await StartAsync(), await StartAsync());

        Assert.That((await Store.FindAsync(UserId, session.Id))!.TokenHash, Is.EqualTo(session.TokenHash));
        Assert.That(await Store.FindAsync(_tested.OtherUserId, session.Id), Is.Null);
        await Store.EndAsync(UserId, session.Id, Revocation, Now);
        Assert.That(await Store.FindAsync(UserId, session.Id), Is.Null);
        Assert.That((await Store.FindAsync(UserId, other.Id))!.TokenHash, Is.EqualTo(other.TokenHash));
    }

    [Test]
    public async Task All_sessions_of_one_user_are_listed()
    {
        var (first, expired) = (await StartAsync(), await StartAsync(at: Now.AddDays(-1)));
        await StartAsync(userId: _tested.OtherUserId);

        Assert.That((await Store.ListAsync(UserId)).Select(session => session.Id), Is.EquivalentTo(new[] { first.Id, expired.Id }));
        Assert.That((await Store.ListAsync(UserId)).Select(session => session.UserId), Is.All.EqualTo(UserId));
        Assert.That(await Store.ListAsync(_tested.UnknownUserId), Is.Empty);
    }

    [TestCase("")]
    [TestCase("no id")]
    [TestCase("'; --")]
    [TestCase("99999999999999999999999999")]
    [TestCase("1\0")]
    public async Task Text_that_is_no_id_is_of_nobody(string text)
    {
        await StartAsync();

        Assert.That(await Store.ListAsync(text), Is.Empty);
        Assert.That(await Store.FindAsync(text, Guid.CreateVersion7()), Is.Null);
        Assert.That(await Store.ListEventsAsync(text, long.MaxValue, 10), Is.Empty);
        Assert.That(await Store.EndAllAsync(text, Revocation, Now, except: null), Is.Empty);
        Assert.That(await Store.EndAsync(text, Guid.CreateVersion7(), Revocation, Now), Is.Null);
        Assert.That(await Store.WasStartedAsync(text, Guid.CreateVersion7()), Is.False);
        Assert.That(await Store.ListAsync(UserId), Has.Count.EqualTo(1));
    }

    [Test]
    public async Task A_start_writes_its_event()
    {
        var session = await StartAsync();

        var entry = (await EntriesAsync()).Single();
        Assert.That(
            entry with { Id = 0 },
            Is.EqualTo(new AuditEntry { At = Now, Event = AuditEvent.SignedIn, UserId = UserId, SessionId = session.Id, IpAddress = "203.0.113.7", UserAgent = "tests" }));
    }

    [Test]
    public async Task A_replaced_session_ends_with_the_start_of_the_next()
    {
        var first = await StartAsync();
        var second = SessionExamples.New(UserId, Now);

        var ended = await Store.StartAsync(second, SessionExamples.Start(first));

        Assert.That(ended, Is.EqualTo(new[] { new EndedSession(UserId, first.Id, first.TokenHash, AuditEvent.SessionReplaced, Reason: null) }));
        Assert.That(await Store.FindAsync(first.TokenHash), Is.Null);
        Assert.That(await Store.FindAsync(second.TokenHash), Is.Not.Null);
        Assert.That((await EntriesAsync()).Select(entry => (entry.Event, entry.SessionId, entry.BySessionId)), Is.EqualTo(new (string, Guid?, Guid?)[]
        {
            (AuditEvent.SignedIn, first.Id, null), (AuditEvent.SessionReplaced, first.Id, second.Id), (AuditEvent.SignedIn, second.Id, null),
        }));
    }

    [Test]
    public async Task A_session_of_another_user_can_be_replaced()
    {
        var first = await StartAsync(userId: _tested.OtherUserId);

        var ended = await Store.StartAsync(SessionExamples.New(UserId, Now), SessionExamples.Start(first));

        Assert.That(ended!.Select(one => (one.UserId, one.SessionId)), Is.EqualTo(new[] { (_tested.OtherUserId, first.Id) }));
        Assert.That(await EventsAsync(_tested.OtherUserId), Is.EqualTo(new[] { AuditEvent.SignedIn, AuditEvent.SessionReplaced }));
    }

    [Test]
    public async Task A_replaced_session_that_has_ended_is_none()
    {
        var first = await StartAsync();
        await EndAsync(first);

        Assert.That(await Store.StartAsync(SessionExamples.New(UserId, Now), SessionExamples.Start(first)), Is.Empty);
        Assert.That(await EventsAsync(UserId), Is.EqualTo(new[] { AuditEvent.SignedIn, AuditEvent.SignedOut, AuditEvent.SignedIn }));
    }

    [Test]
    public async Task A_refused_start_ends_nothing()
    {
        var first = await StartAsync();

        Assert.That(await Store.StartAsync(SessionExamples.New(_tested.UnknownUserId, Now), SessionExamples.Start(first)), Is.Null);

        Assert.That(await Store.FindAsync(first.TokenHash), Is.Not.Null);
        Assert.That(await EventsAsync(UserId), Is.EqualTo(new[] { AuditEvent.SignedIn }));
        Assert.That(await EventsAsync(_tested.UnknownUserId), Is.Empty);
    }

    [Test]
    public async Task A_start_with_the_stamp_of_the_sign_in_succeeds()
    {
        var session = SessionExamples.New(UserId, Now);

        Assert.That(await Store.StartAsync(session, SessionExamples.Start() with { SecurityStamp = _tested.SecurityStamp }), Is.Empty);
        Assert.That(await Store.FindAsync(session.TokenHash), Is.Not.Null);
    }

    [Test]
    public async Task A_start_with_another_stamp_is_refused_and_ends_nothing()
    {
        var first = await StartAsync();
        var session = SessionExamples.New(UserId, Now);

        Assert.That(await Store.StartAsync(session, SessionExamples.Start(first) with { SecurityStamp = _tested.SecurityStamp + "X" }), Is.Null);

        Assert.That(await Store.FindAsync(session.TokenHash), Is.Null);
        Assert.That(await Store.FindAsync(first.TokenHash), Is.Not.Null);
        Assert.That(await EventsAsync(UserId), Is.EqualTo(new[] { AuditEvent.SignedIn }));
    }

    [Test]
    public async Task A_start_beside_a_change_of_the_stamp_is_refused()
    {
        var session = SessionExamples.New(UserId, Now);
        Task<IReadOnlyList<EndedSession>?> start = null!;
        await InTransactionAsync(commits: true, async (context, transaction) =>
        {
            await _tested.ChangeStampAsync(context, "another");
            start = Store.StartAsync(session, SessionExamples.Start() with { SecurityStamp = _tested.SecurityStamp });
            await Store.EndAllAsync(context.Database.GetDbConnection(), transaction.GetDbTransaction(), UserId, Revocation, Now, except: null);
        });

        Assert.That(await start, Is.Null);
        Assert.That(await Store.ListAsync(UserId), Is.Empty);
    }

    [Test]
    public async Task A_start_beyond_the_limit_ends_the_least_recently_used()
    {
        var sessions = new List<UserSession>();
        for (var i = 0; i < 4; i++)
        {
            sessions.Add(await StartAsync(at: Now.AddMinutes(i - 10)));
        }

        // The oldest has been used since, as only the process that served it knows; the next to oldest as its row says.
        await Store.WriteLastSeenAsync([Use(sessions[1], Now.AddMinutes(-1))]);
        var start = new SessionStart([], MaxPerUser: 3, new Dictionary<Guid, DateTimeOffset> { [sessions[0].Id] = Now }, SecurityStamp: null);
        var next = SessionExamples.New(UserId, Now);
        var ended = await Store.StartAsync(next, start);

        Assert.That(ended!.Select(one => (one.SessionId, one.Event)), Is.EquivalentTo(new[]
        {
            (sessions[2].Id, AuditEvent.SessionEvicted), (sessions[3].Id, AuditEvent.SessionEvicted),
        }));
        Assert.That((await Store.ListAsync(UserId)).Select(session => session.Id), Is.EquivalentTo(new[] { sessions[0].Id, sessions[1].Id, next.Id }));
    }

    [Test]
    public async Task Expired_sessions_make_room_first()
    {
        var live = await StartAsync(at: Now.AddMinutes(-20));
        var expired = await StartAsync(at: Now.AddHours(-2));

        var ended = await Store.StartAsync(SessionExamples.New(UserId, Now), SessionExamples.Start(maxPerUser: 2));

        Assert.That(ended!.Select(one => (one.SessionId, one.Event)), Is.EqualTo(new[] { (expired.Id, AuditEvent.SessionExpired) }));
        Assert.That(await Store.FindAsync(live.TokenHash), Is.Not.Null);
    }

    [Test]
    public async Task Parallel_starts_keep_the_limit()
    {
        await Task.WhenAll(Enumerable.Range(0, 20).Select(_ => Store.StartAsync(SessionExamples.New(UserId, Now), SessionExamples.Start(maxPerUser: 3))));

        Assert.That(await Store.ListAsync(UserId), Has.Count.EqualTo(3));
    }

    [Test]
    public async Task An_ended_session_is_not_found_and_its_event_is_written()
    {
        var session = await StartAsync();

        var ended = await EndAsync(session);

        Assert.That(ended, Is.EqualTo(new EndedSession(UserId, session.Id, session.TokenHash, AuditEvent.SignedOut, Reason: null)));
        Assert.That(await Store.FindAsync(session.TokenHash), Is.Null);
        Assert.That(await EventsAsync(UserId), Is.EqualTo(new[] { AuditEvent.SignedIn, AuditEvent.SignedOut }));
    }

    [Test]
    public async Task The_event_of_an_end_says_who_and_why()
    {
        var (session, by) = (await StartAsync(), Guid.CreateVersion7());

        await Store.EndAsync(UserId, session.Id, new SessionEnd(AuditEvent.SessionRevoked, new ClientInfo("198.51.100.1", "phone"), by, "stolen"), Now.AddSeconds(1));

        var entry = (await EntriesAsync())[^1];
        Assert.That(entry with { Id = 0 }, Is.EqualTo(new AuditEntry
        {
            At = Now.AddSeconds(1),
            Event = AuditEvent.SessionRevoked,
            UserId = UserId,
            SessionId = session.Id,
            BySessionId = by,
            Reason = "stolen",
            IpAddress = "198.51.100.1",
            UserAgent = "phone",
        }));
    }

    [Test]
    public async Task A_session_ends_once()
    {
        var session = await StartAsync();

        var ended = await Task.WhenAll(Enumerable.Range(0, 100).Select(_ => EndAsync(session)));

        Assert.That(ended.Count(first => first is not null), Is.EqualTo(1));
        Assert.That(await EventsAsync(UserId), Is.EqualTo(new[] { AuditEvent.SignedIn, AuditEvent.SignedOut }));
    }

    [Test]
    public async Task An_end_beside_an_end_of_all_is_one_end()
    {
        for (var round = 0; round < 10; round++)
        {
            var session = await StartAsync();

            var (one, all) = (EndAsync(session), Store.EndAllAsync(UserId, Revocation, Now, except: null));
            await Task.WhenAll(one, all);

            Assert.That((await one is null ? 0 : 1) + (await all).Count, Is.EqualTo(1));
            Assert.That((await EntriesAsync()).Count(entry => entry.SessionId == session.Id), Is.EqualTo(2));
        }
    }

    [Test]
    public async Task An_end_beside_a_renewal_ends_the_session([Values] bool isEndOfAll)
    {
        for (var round = 0; round < 50; round++)
        {
            var session = await StartAsync();

            var renewal = Store.RenewAsync(session, SessionToken.Create().Hash, Now, Renewal(session));
            var ended = isEndOfAll ? (await Store.EndAllAsync(UserId, Revocation, Now, except: null)).Count : await EndAsync(session) is null ? 0 : 1;
            await renewal;

            Assert.That(ended, Is.EqualTo(1));
            Assert.That(await Store.ListAsync(UserId), Is.Empty);
        }
    }

    [Test]
    public async Task Parallel_ends_of_one_id_end_only_their_own_users()
    {
        for (var round = 0; round < 20; round++)
        {
            var session = await StartAsync();

            var (wrong, right) = (Store.EndAsync(_tested.OtherUserId, session.Id, Revocation, Now), EndAsync(session));
            var never = Store.EndAsync(UserId, session.Id, Revocation, Now.AddMinutes(1), onlyExpired: true);

            Assert.That((await wrong, (await right)?.TokenHash, await never), Is.EqualTo(((EndedSession?)null, (TokenHash?)session.TokenHash, (EndedSession?)null)));
        }
    }

    [Test]
    public async Task An_expired_session_is_ended_only_if_its_row_has_expired()
    {
        var session = await StartAsync();

        Assert.That(await Store.EndAsync(UserId, session.Id, Revocation, Now.AddMinutes(29), onlyExpired: true), Is.Null);
        Assert.That(await Store.EndAsync(UserId, session.Id, Revocation, Now.AddMinutes(30), onlyExpired: true), Is.Not.Null);
    }

    [Test]
    public async Task A_shared_store_confirms_what_is_live_and_its_version()
    {
        if (!Store.IsShared)
        {
            Assert.That(() => Store.ConfirmAsync(SessionToken.Create().Hash), Throws.TypeOf<NotSupportedException>());
            return;
        }

        var (session, ended) = (await StartAsync(), await StartAsync());
        await EndAsync(ended);
        Assert.That(
            await Task.WhenAll(new[] { session.TokenHash, ended.TokenHash, SessionToken.Create().Hash, session.TokenHash }.Select(Store.ConfirmAsync)),
            Is.EqualTo(new int?[] { 0, null, null, 0 }));

        await InTransactionAsync(commits: true, (context, transaction) =>
            Store.RaisePrincipalVersionAsync(context.Database.GetDbConnection(), transaction.GetDbTransaction(), UserId));
        Assert.That(await Store.ConfirmAsync(session.TokenHash), Is.EqualTo(1));
    }

    [Test]
    public async Task An_end_by_id_finds_the_renewed_token()
    {
        var session = await StartAsync();
        var renewed = SessionToken.Create().Hash;
        await Store.RenewAsync(session, renewed, Now, Renewal(session));

        Assert.That((await EndAsync(session))!.TokenHash, Is.EqualTo(renewed));
        Assert.That(await Store.FindAsync(renewed), Is.Null);
    }

    [Test]
    public async Task An_end_by_id_needs_the_right_user()
    {
        var session = await StartAsync();

        Assert.That(await Store.EndAsync(_tested.OtherUserId, session.Id, Revocation, Now), Is.Null);
        Assert.That(await Store.EndAsync(_tested.UnknownUserId, session.Id, Revocation, Now), Is.Null);
        Assert.That(await Store.FindAsync(session.TokenHash), Is.Not.Null);
    }

    [Test]
    public async Task All_sessions_of_a_user_end_without_a_current_one()
    {
        var (first, second) = (await StartAsync(), await StartAsync());
        var other = await StartAsync(userId: _tested.OtherUserId);

        var ended = await Store.EndAllAsync(UserId, new SessionEnd(AuditEvent.SessionRevoked, Reason: "account_disabled"), Now, except: null);

        Assert.That(ended, Is.EquivalentTo(new[] { first, second }.Select(session =>
            new EndedSession(UserId, session.Id, session.TokenHash, AuditEvent.SessionRevoked, "account_disabled"))));
        Assert.That(await Store.ListAsync(UserId), Is.Empty);
        Assert.That(await Store.FindAsync(other.TokenHash), Is.Not.Null);
        Assert.That((await EntriesAsync()).Select(entry => entry.BySessionId), Is.All.Null);
        Assert.That((await EntriesAsync()).Where(entry => entry.Event == AuditEvent.SessionRevoked).Select(entry => entry.Reason), Is.EqualTo(new[] { "account_disabled", "account_disabled" }));
    }

    [Test]
    public async Task The_session_that_ends_all_signs_out_itself()
    {
        var (current, other) = (await StartAsync(), await StartAsync());

        var ended = await Store.EndAllAsync(UserId, new SessionEnd(AuditEvent.SessionRevoked, BySessionId: current.Id, Reason: "logout_all"), Now, except: null);

        Assert.That(ended.Select(session => (session.SessionId, session.Event)), Is.EquivalentTo(new[]
        {
            (current.Id, AuditEvent.SignedOut), (other.Id, AuditEvent.SessionRevoked),
        }));
        Assert.That((await EntriesAsync()).Where(entry => entry.Event != AuditEvent.SignedIn).Select(entry => (entry.Event, entry.SessionId, entry.BySessionId)),
            Is.EquivalentTo(new (string, Guid?, Guid?)[] { (AuditEvent.SignedOut, current.Id, null), (AuditEvent.SessionRevoked, other.Id, current.Id) }));
    }

    [Test]
    public async Task All_sessions_but_one_end()
    {
        var (current, other) = (await StartAsync(), await StartAsync());

        var ended = await Store.EndAllAsync(UserId, new SessionEnd(AuditEvent.SessionRevoked, BySessionId: current.Id), Now, except: current.Id);

        Assert.That(ended.Select(session => session.SessionId), Is.EqualTo(new[] { other.Id }));
        Assert.That((await Store.ListAsync(UserId)).Select(session => session.Id), Is.EqualTo(new[] { current.Id }));
        Assert.That((await EntriesAsync())[^1], Has.Property("SessionId").EqualTo(other.Id).And.Property("BySessionId").EqualTo(current.Id));
    }

    [Test]
    public async Task An_end_of_all_without_sessions_ends_nothing()
    {
        Assert.That(await Store.EndAllAsync(UserId, Revocation, Now, except: null), Is.Empty);
        Assert.That(await EntriesAsync(), Is.Empty);
    }

    [Test]
    public async Task Sessions_end_with_the_commit_of_the_applications_transaction()
    {
        var (session, other) = (await StartAsync(), await StartAsync(userId: _tested.OtherUserId));
        IReadOnlyList<EndedSession> ended = [];

        await InTransactionAsync(commits: true, async (context, transaction) =>
        {
            ended = await Store.EndAllAsync(context.Database.GetDbConnection(), transaction.GetDbTransaction(), UserId, new SessionEnd(AuditEvent.SessionRevoked, Reason: "why"), Now, except: null);
            Assert.That(await Store.FindAsync(session.TokenHash), Is.Not.Null, "before the commit");
        });

        Assert.That(ended, Is.EqualTo(new[] { new EndedSession(UserId, session.Id, session.TokenHash, AuditEvent.SessionRevoked, "why") }));
        Assert.That(await Store.FindAsync(session.TokenHash), Is.Null);
        Assert.That(await Store.FindAsync(other.TokenHash), Is.Not.Null);
        Assert.That(await EventsAsync(UserId), Is.EqualTo(new[] { AuditEvent.SignedIn, AuditEvent.SessionRevoked }));
    }

    [Test]
    public async Task Sessions_live_on_after_the_applications_rollback()
    {
        var session = await StartAsync();

        await InTransactionAsync(commits: false, (context, transaction) =>
            Store.EndAllAsync(context.Database.GetDbConnection(), transaction.GetDbTransaction(), UserId, Revocation, Now, except: null));

        Assert.That(await Store.FindAsync(session.TokenHash), Is.Not.Null);
        Assert.That(await EventsAsync(UserId), Is.EqualTo(new[] { AuditEvent.SignedIn }));
    }

    [Test]
    public async Task A_principal_version_is_raised_for_one_user_or_for_everybody()
    {
        var (session, other) = (await StartAsync(), await StartAsync(userId: _tested.OtherUserId));

        await RaiseAsync(commits: true, UserId);
        Assert.That(await VersionsAsync(), Is.EqualTo((1, 0)));

        await RaiseAsync(commits: true, userId: null);
        Assert.That(await VersionsAsync(), Is.EqualTo((2, 1)));

        await RaiseAsync(commits: false, userId: null);
        Assert.That(await VersionsAsync(), Is.EqualTo((2, 1)));

        Task RaiseAsync(bool commits, string? userId) => InTransactionAsync(commits, (context, transaction) =>
            Store.RaisePrincipalVersionAsync(context.Database.GetDbConnection(), transaction.GetDbTransaction(), userId));

        async Task<(int, int)> VersionsAsync() =>
            ((await Store.FindAsync(session.TokenHash))!.PrincipalVersion, (await Store.FindAsync(other.TokenHash))!.PrincipalVersion);
    }

    [Test]
    public async Task A_renewed_session_has_another_token_and_the_same_limits()
    {
        var session = await StartAsync();
        var renewed = SessionToken.Create().Hash;

        session = session with { AuthenticationMethods = ["pwd", "otp"] };
        Assert.That(await Store.RenewAsync(session, renewed, Now.AddMinutes(1), Renewal(session)), Is.True);

        Assert.That(await Store.FindAsync(session.TokenHash), Is.Null);
        Assert.That(
            await Store.FindAsync(renewed),
            Is.EqualTo(session with { TokenHash = renewed, AuthenticatedAt = Now.AddMinutes(1) }).UsingPropertiesComparer());
        Assert.That(await EventsAsync(UserId), Is.EqualTo(new[] { AuditEvent.SignedIn, AuditEvent.Reauthenticated }));
    }

    [Test]
    public async Task A_token_is_renewed_once()
    {
        var session = await StartAsync();

        var renewed = await Task.WhenAll(Enumerable.Range(0, 10).Select(_ => Store.RenewAsync(session, SessionToken.Create().Hash, Now, Renewal(session))));

        Assert.That(renewed.Count(isRenewed => isRenewed), Is.EqualTo(1));
        Assert.That(await EventsAsync(UserId), Is.EqualTo(new[] { AuditEvent.SignedIn, AuditEvent.Reauthenticated }));
    }

    [Test]
    public async Task An_ended_session_is_not_renewed()
    {
        var session = await StartAsync();
        await EndAsync(session);
        var renewed = SessionToken.Create().Hash;

        Assert.That(await Store.RenewAsync(session, renewed, Now, Renewal(session)), Is.False);
        Assert.That(await Store.FindAsync(renewed), Is.Null);
        Assert.That(await EventsAsync(UserId), Is.EqualTo(new[] { AuditEvent.SignedIn, AuditEvent.SignedOut }));
    }

    [Test]
    public async Task Last_uses_only_move_forward()
    {
        var session = await StartAsync();

        await Store.WriteLastSeenAsync([Use(session, Now.AddMinutes(5), new("198.51.100.1", "phone"))]);
        await Store.WriteLastSeenAsync([Use(session, Now.AddMinutes(4), new("198.51.100.2", "other"))]);

        Assert.That(await Store.FindAsync(session.TokenHash), Is.EqualTo(session with
        {
            LastSeenAt = Now.AddMinutes(5),
            IdleExpiresAt = Now.AddMinutes(35),
            LastIpAddress = "198.51.100.1",
            LastUserAgent = "phone",
        }).UsingPropertiesComparer());
    }

    [Test]
    public async Task Another_client_within_the_same_moment_is_written()
    {
        var session = await StartAsync();

        await Store.WriteLastSeenAsync([Use(session, Now, new("198.51.100.1", "phone"))]);

        Assert.That((await Store.FindAsync(session.TokenHash))!.LastUserAgent, Is.EqualTo("phone"));
    }

    [Test]
    public async Task Last_uses_of_many_sessions_are_written_together()
    {
        var sessions = new List<UserSession>();
        for (var i = 0; i < 5; i++)
        {
            sessions.Add(await StartAsync());
        }

        await Store.WriteLastSeenAsync([.. sessions.Select((session, index) => Use(session, Now.AddMinutes(index + 1)))]);

        foreach (var (session, index) in sessions.Select((session, index) => (session, index)))
        {
            Assert.That((await Store.FindAsync(session.TokenHash))!.LastSeenAt, Is.EqualTo(Now.AddMinutes(index + 1)));
        }
    }

    [Test]
    public async Task A_last_use_does_not_revive_an_ended_session()
    {
        var session = await StartAsync();
        await EndAsync(session);

        await Store.WriteLastSeenAsync([Use(session, Now.AddMinutes(5))]);

        Assert.That(await Store.ListAsync(UserId), Is.Empty);
        Assert.That(await Store.FindAsync(session.TokenHash), Is.Null);
    }

    [Test]
    public async Task Expired_sessions_are_deleted_in_batches()
    {
        var old = await StartAsync(at: Now.AddHours(-3));
        var live = await StartAsync();
        var older = await StartAsync(at: Now.AddHours(-4));

        var batches = new List<IReadOnlyList<EndedSession>>();
        await foreach (var batch in Store.DeleteExpiredAsync(Now, batch: 1))
        {
            batches.Add(batch);
        }

        Assert.That(batches.Where(batch => batch.Count > 0).Select(batch => batch.Single()), Is.EquivalentTo(new[] { old, older }.Select(session =>
            new EndedSession(UserId, session.Id, session.TokenHash, AuditEvent.SessionExpired, Reason: null))));
        Assert.That((await Store.ListAsync(UserId)).Select(session => session.Id), Is.EqualTo(new[] { live.Id }));
        Assert.That((await EventsAsync(UserId)).Count(what => what == AuditEvent.SessionExpired), Is.EqualTo(2));
    }

    [Test]
    public async Task Of_many_expired_sessions_all_are_deleted()
    {
        for (var i = 0; i < 25; i++)
        {
            await StartAsync(at: Now.AddHours(-3));
        }

        var count = 0;
        await foreach (var batch in Store.DeleteExpiredAsync(Now, batch: 10))
        {
            Assert.That(batch, Has.Count.LessThanOrEqualTo(10));
            count += batch.Count;
        }

        Assert.That(count, Is.EqualTo(25));
        Assert.That(await Store.ListAsync(UserId), Is.Empty);
    }

    [Test]
    public async Task Live_sessions_are_counted()
    {
        await StartAsync();
        await StartAsync(userId: _tested.OtherUserId);
        await StartAsync(at: Now.AddHours(-3));

        Assert.That(await Store.CountLiveAsync(Now), Is.EqualTo(2));
        Assert.That(await Store.CountLiveAsync(Now.AddMinutes(30)), Is.Zero, "at its expiry a session is not live");
    }

    [Test]
    public async Task Events_are_listed_latest_first_and_page_by_page()
    {
        for (var i = 0; i < 5; i++)
        {
            await StartAsync(at: Now.AddSeconds(i));
            await StartAsync(userId: _tested.OtherUserId);
        }

        var first = await Store.ListEventsAsync(UserId, long.MaxValue, 2);
        var second = await Store.ListEventsAsync(UserId, first[^1].Id, 2);
        var third = await Store.ListEventsAsync(UserId, second[^1].Id, 2);

        Assert.That(
            first.Concat(second).Concat(third).Select(entry => entry.At),
            Is.EqualTo(new[] { 4, 3, 2, 1, 0 }.Select(seconds => Now.AddSeconds(seconds))));
        Assert.That(first.Concat(second).Concat(third).Select(entry => entry.UserId), Is.All.EqualTo(UserId));
        Assert.That(first.Concat(second).Concat(third).Select(entry => entry.Id), Is.Ordered.Descending.And.Unique);
        Assert.That(await Store.ListEventsAsync(UserId, third[^1].Id, 2), Is.Empty);
    }

    [Test]
    public async Task A_session_was_started_although_it_has_ended()
    {
        var session = await StartAsync();
        await EndAsync(session);

        Assert.That(await Store.WasStartedAsync(UserId, session.Id), Is.True);
        Assert.That(await Store.WasStartedAsync(_tested.OtherUserId, session.Id), Is.False);
        Assert.That(await Store.WasStartedAsync(UserId, Guid.CreateVersion7()), Is.False);
    }

    [Test]
    public async Task The_last_event_is_known()
    {
        Assert.That(await Store.LastEventAtAsync(), Is.Null);

        await StartAsync(at: Now.AddHours(1));
        await StartAsync(userId: _tested.OtherUserId);

        Assert.That(await Store.LastEventAtAsync(), Is.EqualTo(Now), "the latest that was written, whatever its time");
    }

    [Test]
    public async Task Old_events_are_deleted_some_at_a_time()
    {
        for (var i = 0; i < 5; i++)
        {
            await StartAsync(at: Now.AddDays(-10 + i));
        }

        await StartAsync();

        Assert.That(await Store.DeleteEventsAsync(Now.AddDays(-7), 2), Is.EqualTo(2));
        Assert.That((await EntriesAsync()).Select(entry => entry.At), Is.EqualTo(new[] { Now.AddDays(-8), Now.AddDays(-7), Now.AddDays(-6), Now }));
        Assert.That(await Store.DeleteEventsAsync(Now.AddDays(-7), 2), Is.EqualTo(1));
        Assert.That(await Store.DeleteEventsAsync(Now.AddDays(-7), 2), Is.Zero);
    }

    [Test]
    public async Task Events_outlive_their_user_and_sessions_do_not()
    {
        var session = await StartAsync();

        await _tested.WithContextAsync(async context =>
        {
            await _tested.DeleteUserAsync(context);
            return true;
        });

        Assert.That(await Store.FindAsync(session.TokenHash), Is.Null);
        Assert.That(await EventsAsync(UserId), Is.EqualTo(new[] { AuditEvent.SignedIn }));
    }

    [Test]
    public async Task A_probe_changes_no_row()
    {
        await Store.ProbeAsync();
        var session = await StartAsync();
        await Store.ProbeAsync();

        Assert.That(await Store.FindAsync(session.TokenHash), Is.EqualTo(session).UsingPropertiesComparer());
        Assert.That(await EventsAsync(UserId), Is.EqualTo(new[] { AuditEvent.SignedIn }));
    }

    [Test]
    public async Task What_was_acknowledged_is_durable()
    {
        var (live, dead, renewedOf) = (await StartAsync(), await StartAsync(), await StartAsync());
        await EndAsync(dead);
        var renewed = SessionToken.Create().Hash;
        await Store.RenewAsync(renewedOf, renewed, Now, Renewal(renewedOf));
        await Store.WriteLastSeenAsync([Use(live, Now.AddMinutes(1))]);

        await _tested.ReopenAsync();

        Assert.That((await Store.FindAsync(live.TokenHash))!.LastSeenAt, Is.EqualTo(Now.AddMinutes(1)));
        Assert.That(await Store.FindAsync(dead.TokenHash), Is.Null);
        Assert.That(await Store.FindAsync(renewedOf.TokenHash), Is.Null);
        Assert.That(await Store.FindAsync(renewed), Is.Not.Null);
        Assert.That(await Store.ListAsync(UserId), Has.Count.EqualTo(2));
        Assert.That(await EventsAsync(UserId), Has.Count.EqualTo(5));
    }

    [Test]
    public void Only_a_store_out_of_reach_is_out_of_reach()
    {
        Assert.That(Store.IsOutOfReach(new StoreUnavailableException("away")), Is.True);
        Assert.That(Store.IsOutOfReach(new DbUpdateException("not saved", new StoreUnavailableException("away"))), Is.True);
        Assert.That(Store.IsOutOfReach(null), Is.False);
        Assert.That(Store.IsOutOfReach(new InvalidOperationException("a bug")), Is.False);
        Assert.That(Store.IsOutOfReach(new OperationCanceledException()), Is.False);
    }

    [Test]
    public async Task A_refused_row_is_not_a_store_out_of_reach()
    {
        var session = await StartAsync();

        // The same id again.
        var exception = await Assert.CatchAsync(() => Store.StartAsync(session with { TokenHash = SessionToken.Create().Hash }, SessionExamples.Start()));

        Assert.That(Store.IsOutOfReach(exception), Is.False, exception!.ToString());
        Assert.That(await Store.ListAsync(UserId), Has.Count.EqualTo(1));
    }

    [Test]
    [CancelAfter(60_000)]
    public async Task Every_method_says_that_the_store_is_out_of_reach()
    {
        var session = await StartAsync();
        await _tested.TakeAwayAsync();

        foreach (var (name, call) in new (string, Func<Task>)[]
        {
            ("Find", () => Store.FindAsync(session.TokenHash)),
            ("FindById", () => Store.FindAsync(UserId, session.Id)),
            ("List", () => Store.ListAsync(UserId)),
            ("Start", () => Store.StartAsync(SessionExamples.New(UserId, Now), SessionExamples.Start())),
            ("End", () => EndAsync(session)),
            ("EndAll", () => Store.EndAllAsync(UserId, Revocation, Now, except: null)),
            ("Renew", () => Store.RenewAsync(session, SessionToken.Create().Hash, Now, Renewal(session))),
            ("WriteLastSeen", () => Store.WriteLastSeenAsync([Use(session, Now.AddMinutes(1))])),
            ("DeleteExpired", async () => await Store.DeleteExpiredAsync(Now.AddDays(1), 10).GetAsyncEnumerator().MoveNextAsync()),
            ("CountLive", () => Store.CountLiveAsync(Now)),
            ("RaisePrincipalVersion", () => Store.RaisePrincipalVersionAsync(UserId)),
            ("ListEvents", () => Store.ListEventsAsync(UserId, long.MaxValue, 1)),
            ("WasStarted", () => Store.WasStartedAsync(UserId, session.Id)),
            ("LastEventAt", () => Store.LastEventAtAsync()),
            ("DeleteEvents", () => Store.DeleteEventsAsync(Now, 1)),
            ("Probe", () => Store.ProbeAsync()),
        })
        {
            await OutOfReachAsync(name, call);
        }

        if (Store.IsShared)
        {
            await OutOfReachAsync("Confirm", () => Store.ConfirmAsync(session.TokenHash));
        }

        async Task OutOfReachAsync(string name, Func<Task> call)
        {
            var exception = await Assert.CatchAsync(() => call(), name);
            Assert.That(Store.IsOutOfReach(exception), Is.True, $"{name}: {exception}");
        }
    }

    private static SessionEnd Revocation => new(AuditEvent.SessionRevoked);

    private static LastSeen Use(UserSession session, DateTimeOffset at, ClientInfo client = default) => new(session.UserId, session.Id, at, at.AddMinutes(30), client);

    private async Task<UserSession> StartAsync(DateTimeOffset? at = null, string? userId = null)
    {
        var session = SessionExamples.New(userId ?? UserId, at ?? Now);
        Assert.That(await Store.StartAsync(session, SessionExamples.Start()), Is.Empty);
        return session;
    }

    private Task<EndedSession?> EndAsync(UserSession session) => Store.EndAsync(UserId, session.Id, new SessionEnd(AuditEvent.SignedOut), Now);

    private AuditEntry Renewal(UserSession session) => new() { At = Now, Event = AuditEvent.Reauthenticated, UserId = UserId, SessionId = session.Id };

    private async Task<List<AuditEntry>> EntriesAsync() => [.. (await Store.ListEventsAsync(UserId, long.MaxValue, 1_000)).Reverse()];

    private async Task<List<string>> EventsAsync(string userId) =>
        [.. (await Store.ListEventsAsync(userId, long.MaxValue, 1_000)).Reverse().Select(entry => entry.Event)];

    private Task<bool> InTransactionAsync(bool commits, Func<DbContext, IDbContextTransaction, Task> action) => _tested.WithContextAsync(async context =>
    {
        await using var transaction = await context.Database.BeginTransactionAsync();
        await action(context, transaction);
        if (commits)
        {
            await transaction.CommitAsync();
        }
        else
        {
            await transaction.RollbackAsync();
        }

        return true;
    });
}
