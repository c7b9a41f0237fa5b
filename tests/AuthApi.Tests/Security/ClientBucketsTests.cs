using AuthApi.Security;
using Microsoft.Extensions.Time.Testing;

namespace AuthApi.Tests.Security;

internal sealed class ClientBucketsTests
{
    private readonly FakeTimeProvider _time = new();

    // Sevenths of a minute are no whole ticks.
    [TestCase(1, 60)]
    [TestCase(7, 60)]
    [TestCase(600, 60)]
    [TestCase(20, 3600)]
    public void A_bucket_gives_its_size_at_once_and_again_in_each_window(int size, int seconds)
    {
        using var buckets = Buckets(size, TimeSpan.FromSeconds(seconds));
        Assert.That(Take(buckets, size + 5), Is.EqualTo(size));

        var taken = 0;
        for (var moment = 0; moment < 100; moment++)
        {
            _time.Advance(TimeSpan.FromSeconds(seconds) / 100);
            taken += Take(buckets, size);
        }

        Assert.That(taken, Is.InRange(size - 1, size));
    }

    [Test]
    public void What_takes_less_than_a_tick_is_counted_to_the_tick()
    {
        // As a billion in a minute are, of which each takes 0.6.
        using var buckets = Buckets(1000, TimeSpan.FromTicks(100));

        Assert.That(Take(buckets, 2000), Is.InRange(1000, 1010));
        _time.Advance(TimeSpan.FromTicks(50));
        Assert.That(Take(buckets, 2000), Is.InRange(499, 501));
    }

    [Test]
    public void The_stated_wait_is_true()
    {
        using var buckets = Buckets(3, TimeSpan.FromMinutes(1));
        Take(buckets, 3);
        _time.Advance(TimeSpan.FromSeconds(7));

        Assert.That(buckets.TryTake('a', out var retryAfter), Is.False);
        Assert.That(retryAfter.TotalSeconds, Is.EqualTo(13).Within(0.001));
        _time.Advance(retryAfter - TimeSpan.FromMilliseconds(1));
        Assert.That(buckets.TryTake('a', out _), Is.False);
        _time.Advance(TimeSpan.FromMilliseconds(1));
        Assert.That(buckets.TryTake('a', out _), Is.True);
        Assert.That(buckets.TryTake('a', out _), Is.False, "being refused cost nothing, and waiting gave no more than one");
    }

    [Test]
    public void A_refusal_takes_nothing_so_a_client_that_stops_recovers()
    {
        using var buckets = Buckets(2, TimeSpan.FromMinutes(1));
        Assert.That(Take(buckets, 1000), Is.EqualTo(2));

        _time.Advance(TimeSpan.FromMinutes(1));

        Assert.That(Take(buckets, 1000), Is.EqualTo(2));
    }

    [Test]
    public void Each_client_has_its_own_bucket()
    {
        using var buckets = Buckets(1, TimeSpan.FromMinutes(1));

        Assert.That("abcab".Select(client => buckets.TryTake(client, out _)), Is.EqualTo(new[] { true, true, true, false, false }));
    }

    [Test]
    public void A_full_bucket_is_evicted_and_an_empty_one_is_not()
    {
        using var buckets = Buckets(2, TimeSpan.FromMinutes(1));
        buckets.TryTake('a', out _);
        Take(buckets, 2, 'b');
        buckets.TryTake('b', out _);
        Assert.That(buckets.Count, Is.EqualTo(2));

        _time.Advance(TimeSpan.FromSeconds(40));

        Assert.That(buckets.Count, Is.EqualTo(1), "the first was full again after 30 seconds");
        Assert.That(Take(buckets, 5, 'b'), Is.EqualTo(1));
        _time.Advance(TimeSpan.FromSeconds(70));
        Assert.That(buckets.Count, Is.Zero);
    }

    [Test]
    public void Concurrent_requests_do_not_exceed_the_bucket()
    {
        using var buckets = Buckets(1000, TimeSpan.FromMinutes(1));
        var taken = 0;

        Parallel.For(0, 8, _ => Interlocked.Add(ref taken, Take(buckets, 500)));

        Assert.That(taken, Is.EqualTo(1000));
    }

    private static int Take(ClientBuckets<char> buckets, int tries, char client = 'a') => Enumerable.Range(0, tries).Count(_ => buckets.TryTake(client, out var _));

    private ClientBuckets<char> Buckets(int size, TimeSpan window) => new(size, window, _time);
}
