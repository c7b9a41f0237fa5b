using System.Security.Claims;
using AuthApi.Sessions;
using Microsoft.Extensions.Options;

namespace AuthApi.Tests.Sessions;

/// <summary>That the cache keeps nothing that has been forgotten, in every order in which a reading and a forgetting can meet.</summary>
internal sealed class SessionCacheTests
{
    private SessionCache _cache = null!;

    [SetUp]
    public void SetUp() => _cache = new SessionCache(Options.Create(new UserSessionOptions { CacheSize = 100 }));

    [Test]
    public void What_was_added_is_found()
    {
        var session = NewSession(readAt: _cache.BeginRead());

        Assert.That(_cache.TryAdd(session.Session.TokenHash, session), Is.True);
        Assert.That(_cache.Find(session.Session.TokenHash), Is.SameAs(session));
    }

    [Test]
    public void What_was_invalidated_is_not_found()
    {
        var session = NewSession(readAt: _cache.BeginRead());
        _cache.TryAdd(session.Session.TokenHash, session);

        _cache.Forget(session.Session.TokenHash);

        Assert.That(_cache.Find(session.Session.TokenHash), Is.Null);
    }

    [Test]
    public void What_was_invalidated_is_not_kept_in_memory()
    {
        var session = AddAndForget();

        GC.Collect();

        Assert.That(session.IsAlive, Is.False);
        Assert.That(_cache.Count, Is.Zero);

        // A method of its own, so that no local variable keeps it.
        [System.Runtime.CompilerServices.MethodImpl(System.Runtime.CompilerServices.MethodImplOptions.NoInlining)]
        WeakReference AddAndForget()
        {
            var session = NewSession(readAt: _cache.BeginRead());
            _cache.TryAdd(session.Session.TokenHash, session);
            _cache.Forget(session.Session.TokenHash);
            return new WeakReference(session);
        }
    }

    [Test]
    public void A_session_that_was_used_outlives_unused_ones()
    {
        var cache = new SessionCache(Options.Create(new UserSessionOptions { CacheSize = 600 }));
        Use(cache, Add(cache, 1_000)); // it is full, and has been for a while
        Use(cache, Add(cache, 1_000));
        var regulars = Add(cache, 120);
        Use(cache, regulars);
        Use(cache, regulars);

        var once = Add(cache, 250);

        // A tenth of the cache, the library's default for new and for leaving entries, would have kept 120 at most.
        Assert.That(once.Count(session => cache.Find(session.Session.TokenHash) is not null), Is.GreaterThan(200));
        Assert.That(regulars.Count(session => cache.Find(session.Session.TokenHash) is not null), Is.EqualTo(120));

        static void Use(SessionCache cache, List<LiveSession> sessions) => sessions.ForEach(session => cache.Find(session.Session.TokenHash));

        static List<LiveSession> Add(SessionCache cache, int count)
        {
            var sessions = Enumerable.Range(0, count).Select(_ => NewSession(cache.BeginRead())).ToList();
            sessions.ForEach(session => cache.TryAdd(session.Session.TokenHash, session));
            return sessions;
        }
    }

    [Test]
    public void A_read_begun_before_the_invalidation_is_not_cached()
    {
        var session = NewSession(readAt: _cache.BeginRead());
        _cache.Forget(session.Session.TokenHash);

        Assert.That(_cache.TryAdd(session.Session.TokenHash, session), Is.False);
        Assert.That(_cache.Find(session.Session.TokenHash), Is.Null);
    }

    [Test]
    public void A_read_begun_after_the_invalidation_is_cached()
    {
        var hash = SessionToken.Create().Hash;
        _cache.Forget(hash);
        var session = NewSession(readAt: _cache.BeginRead(), tokenHash: hash);

        Assert.That(_cache.TryAdd(hash, session), Is.True);
    }

    [Test]
    public void A_read_begun_before_its_user_changed_is_not_cached()
    {
        var session = NewSession(readAt: _cache.BeginRead(), userId: 7);
        _cache.InvalidateUser(7);

        Assert.That(_cache.TryAdd(session.Session.TokenHash, session), Is.False);
    }

    [Test]
    public void A_changed_user_is_invalidated_in_every_session()
    {
        var first = Add(userId: 7);
        var second = Add(userId: 7);
        var other = Add(userId: 8);

        _cache.InvalidateUser(7);

        Assert.That(_cache.Find(first.Session.TokenHash), Is.Null);
        Assert.That(_cache.Find(second.Session.TokenHash), Is.Null);
        Assert.That(_cache.Find(other.Session.TokenHash), Is.SameAs(other));
    }

    [Test]
    public void All_users_are_invalidated_at_once()
    {
        var sessions = Enumerable.Range(1, 50).Select(userId => Add(userId)).ToList();

        _cache.InvalidateEveryone();

        Assert.That(sessions.Select(session => _cache.Find(session.Session.TokenHash)), Is.All.Null);
    }

    [Test]
    public void The_cache_is_bounded()
    {
        for (var i = 0; i < 10_000; i++)
        {
            Add(userId: i);
        }

        Assert.That(_cache.Count, Is.LessThanOrEqualTo(101));
    }

    [Test]
    public async Task No_read_revives_what_was_invalidated()
    {
        // Readers fill the cache with what a "store" says while the session ends; what is found after the end was told is a revival.
        for (var round = 0; round < 2_000; round++)
        {
            var hash = SessionToken.Create().Hash;
            var live = true;
            using var start = new Barrier(3);
            var readers = Enumerable.Range(0, 2).Select(_ => Task.Run(() =>
            {
                start.SignalAndWait();
                for (var i = 0; i < 20; i++)
                {
                    var readAt = _cache.BeginRead();
                    if (Volatile.Read(ref live))
                    {
                        _cache.TryAdd(hash, NewSession(readAt, tokenHash: hash));
                    }
                }
            })).ToArray();

            start.SignalAndWait();
            Volatile.Write(ref live, false);
            _cache.Forget(hash);

            Assert.That(_cache.Find(hash), Is.Null);
            await Task.WhenAll(readers);
            Assert.That(_cache.Find(hash), Is.Null);
        }
    }

    private static LiveSession NewSession(long readAt, int userId = 1, TokenHash? tokenHash = null)
    {
        var now = TimeProvider.System.GetUtcNow();
        return new LiveSession(SessionExamples.New(userId, now, tokenHash), new ClaimsPrincipal(new ClaimsIdentity()), now, readAt);
    }

    private LiveSession Add(int userId)
    {
        var session = NewSession(_cache.BeginRead(), userId);
        _cache.TryAdd(session.Session.TokenHash, session);
        return session;
    }
}
