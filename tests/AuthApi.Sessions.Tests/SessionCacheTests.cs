using System.Security.Claims;
using Microsoft.Extensions.Options;

namespace AuthApi.Sessions.Tests;

/// <summary>That the cache keeps nothing that has been invalidated, in every order in which a read and an invalidation can meet.</summary>
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

        _cache.Invalidate(session.Session.TokenHash);

        Assert.That(_cache.Find(session.Session.TokenHash), Is.Null);
    }

    [Test]
    public void What_was_invalidated_is_not_kept_in_memory()
    {
        var session = AddAndInvalidate();

        GC.Collect();

        Assert.That(session.IsAlive, Is.False);
        Assert.That(_cache.Count, Is.Zero);

        // A method of its own, so that no local variable keeps it.
        [System.Runtime.CompilerServices.MethodImpl(System.Runtime.CompilerServices.MethodImplOptions.NoInlining)]
        WeakReference AddAndInvalidate()
        {
            var session = NewSession(readAt: _cache.BeginRead());
            _cache.TryAdd(session.Session.TokenHash, session);
            _cache.Invalidate(session.Session.TokenHash);
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
        _cache.Invalidate(session.Session.TokenHash);

        Assert.That(_cache.TryAdd(session.Session.TokenHash, session), Is.False);
        Assert.That(_cache.Find(session.Session.TokenHash), Is.Null);
    }

    [Test]
    public void A_read_begun_after_the_invalidation_is_cached()
    {
        var hash = SessionToken.Create().Hash;
        _cache.Invalidate(hash);
        var session = NewSession(readAt: _cache.BeginRead(), tokenHash: hash);

        Assert.That(_cache.TryAdd(hash, session), Is.True);
    }

    [Test]
    public void A_read_begun_before_its_user_changed_is_not_cached()
    {
        var session = NewSession(readAt: _cache.BeginRead(), userId: "7");
        _cache.InvalidateUser("7");

        Assert.That(_cache.TryAdd(session.Session.TokenHash, session), Is.False);
    }

    [Test]
    public void A_changed_user_is_invalidated_in_every_session()
    {
        var first = Add(userId: "7");
        var second = Add(userId: "7");
        var other = Add(AnotherThan("7"));

        _cache.InvalidateUser("7");

        Assert.That(_cache.Find(first.Session.TokenHash), Is.Null);
        Assert.That(_cache.Find(second.Session.TokenHash), Is.Null);
        Assert.That(_cache.Find(other.Session.TokenHash), Is.SameAs(other));
    }

    [Test]
    public void A_suspended_user_is_neither_found_nor_cached()
    {
        var session = Add("7");
        var other = Add(AnotherThan("7"));

        _cache.Suspend("7");
        var during = NewSession(_cache.BeginRead(), "7");

        Assert.That(_cache.Find(session.Session.TokenHash), Is.Null);
        Assert.That(_cache.TryAdd(during.Session.TokenHash, during), Is.False);
        Assert.That(_cache.Find(other.Session.TokenHash), Is.SameAs(other));

        _cache.Resume("7");
        Assert.That(_cache.TryAdd(during.Session.TokenHash, during), Is.False, "it was read before the outcome was known");
        Assert.That(_cache.Find(Add("7").Session.TokenHash), Is.Not.Null);
    }

    [Test]
    public void A_user_suspended_twice_is_cached_after_both_resume()
    {
        _cache.Suspend("7");
        _cache.Suspend("7");
        _cache.Resume("7");
        Assert.That(_cache.Find(Add("7").Session.TokenHash), Is.Null);

        _cache.Resume("7");
        Assert.That(_cache.Find(Add("7").Session.TokenHash), Is.Not.Null);
    }

    [Test]
    public void All_users_are_invalidated_at_once()
    {
        var sessions = Enumerable.Range(1, 50).Select(userId => Add($"{userId}")).ToList();

        _cache.InvalidateEveryone();

        Assert.That(sessions.Select(session => _cache.Find(session.Session.TokenHash)), Is.All.Null);
    }

    [Test]
    public void The_cache_is_bounded()
    {
        for (var i = 0; i < 10_000; i++)
        {
            Add($"{i}");
        }

        Assert.That(_cache.Count, Is.LessThanOrEqualTo(101));
    }

    [Test]
    public async Task No_read_revives_what_was_invalidated()
    {
        // Readers fill the cache with what a "store" says while the session ends; what is found after the invalidation is a revival.
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
            _cache.Invalidate(hash);

            Assert.That(_cache.Find(hash), Is.Null);
            await Task.WhenAll(readers);
            Assert.That(_cache.Find(hash), Is.Null);
        }
    }

    private static LiveSession NewSession(long readAt, string userId = "1", TokenHash? tokenHash = null)
    {
        var now = TimeProvider.System.GetUtcNow();
        var session = SessionExamples.New(userId, now, tokenHash);
        return new LiveSession(session, new LastSeen(userId, session.Id, now, session.IdleExpiresAt, default), new ClaimsPrincipal(new ClaimsIdentity()), readAt);
    }

    // The cache has 1024 stripes, and hash codes of strings differ from run to run.
    private static string AnotherThan(string userId) =>
        Enumerable.Range(8, 100).Select(number => $"{number}").First(other => ((other.GetHashCode() ^ userId.GetHashCode()) & 1023) != 0);

    private LiveSession Add(string userId)
    {
        var session = NewSession(_cache.BeginRead(), userId);
        _cache.TryAdd(session.Session.TokenHash, session);
        return session;
    }
}
