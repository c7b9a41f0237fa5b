using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using Microsoft.Extensions.Time.Testing;
using Moq;

namespace AuthApi.Sessions.Tests;

internal sealed class LastSeenTrackerTests
{
    private static readonly DateTimeOffset Now = new(2026, 3, 1, 12, 0, 0, TimeSpan.Zero);

    [Test]
    public async Task Many_uses_are_written_early()
    {
        // The clock stands still, so it is their number.
        var written = 0;
        var store = new Mock<IUserSessionStore>();
        store.Setup(counted => counted.WriteLastSeenAsync(It.IsAny<IReadOnlyList<LastSeen>>()))
            .Callback((IReadOnlyList<LastSeen> uses) => Interlocked.Add(ref written, uses.Count))
            .Returns(Task.CompletedTask);
        var tracker = new LastSeenTracker(store.Object);
        using var writer = new LastSeenWriter(
            tracker, Options.Create(new UserSessionOptions()), new FakeTimeProvider(Now), NullLogger<LastSeenWriter>.Instance);
        await writer.StartAsync(CancellationToken.None);

        Add(tracker, 49_999);
        Assert.That(Volatile.Read(ref written), Is.Zero);

        Add(tracker, 1);
        Assert.That(() => tracker.Count, Is.Zero.After(30_000, 20));
        Assert.That(written, Is.EqualTo(50_000));
        await writer.StopAsync(CancellationToken.None);
    }

    [Test]
    public void A_session_is_counted_once_however_often_it_is_used()
    {
        var tracker = new LastSeenTracker(Mock.Of<IUserSessionStore>());
        var token = SessionToken.Create().Hash;

        tracker.Add(token, new LastSeen("1", Guid.Empty, Now, Now, default));
        tracker.Add(token, new LastSeen("1", Guid.Empty, Now.AddSeconds(1), Now, default));
        Assert.That(tracker.Count, Is.EqualTo(1));
        Assert.That(tracker.Find(token)!.Value.At, Is.EqualTo(Now.AddSeconds(1)));

        tracker.Remove(token);
        tracker.Remove(token);
        Assert.That(tracker.Count, Is.Zero);
    }

    private static void Add(LastSeenTracker tracker, int count)
    {
        for (var i = 0; i < count; i++)
        {
            tracker.Add(SessionToken.Create().Hash, new LastSeen("1", Guid.CreateVersion7(), Now, Now, default));
        }
    }
}
