using System.Net;
using AuthApi.Api;
using AuthApi.Passwords;
using AuthApi.Tests.Harness;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Time.Testing;

namespace AuthApi.Tests.Passwords;

internal sealed class PasswordHashLimiterTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan MaxWait = TimeSpan.FromSeconds(10);

    private readonly FakeTimeProvider _time = new();

    [Test]
    public void One_core_is_left_to_signed_in_users() =>
        Assert.That(PasswordHashLimiter.Width, Is.EqualTo(Environment.ProcessorCount == 1 ? 1 : Environment.ProcessorCount - 1));

    [Test]
    public async Task Hashes_run_on_threads_that_are_not_the_pools()
    {
        using var limiter = new PasswordHashLimiter(_time, width: 2, MaxWait);

        var threads = await Task.WhenAll(Enumerable.Range(0, 20).Select(_ =>
            limiter.RunAsync(() => (Environment.CurrentManagedThreadId, Thread.CurrentThread.IsThreadPoolThread)))).WaitAsync(Patience);

        Assert.That(threads.Select(thread => thread.IsThreadPoolThread), Is.All.False);
        Assert.That(threads.Distinct().Count(), Is.LessThanOrEqualTo(2));
    }

    [Test]
    public async Task No_more_hashes_run_at_once_than_there_are_threads()
    {
        using var limiter = new PasswordHashLimiter(_time, width: 2, MaxWait);
        var hashes = Enumerable.Range(0, 5).Select(_ => new HeldHash(limiter)).ToList();

        await Task.WhenAll(hashes[0].Begun, hashes[1].Begun).WaitAsync(Patience);
        Assert.That((limiter.Active, limiter.Waiting), Is.EqualTo((2, 3)));

        hashes[0].End();
        await hashes[2].Begun.WaitAsync(Patience);
        Assert.That(hashes.Select(hash => hash.HasBegun), Is.EqualTo(new[] { true, true, true, false, false }), "in the order of their arrival");

        hashes.ForEach(hash => hash.End());
        await Task.WhenAll(hashes.Select(hash => hash.Ended)).WaitAsync(Patience);
        Assert.That((limiter.Active, limiter.Waiting), Is.EqualTo((0, 0)));
    }

    [Test]
    public async Task Who_waits_for_the_maximum_is_refused_and_makes_room()
    {
        using var limiter = new PasswordHashLimiter(_time, width: 1, MaxWait);
        var held = new HeldHash(limiter);
        await held.Begun.WaitAsync(Patience);
        var waiting = new HeldHash(limiter);

        _time.Advance(MaxWait - TimeSpan.FromMilliseconds(1));
        Assert.That(waiting.Ended.IsCompleted, Is.False);

        _time.Advance(TimeSpan.FromMilliseconds(1));
        await Assert.ThrowsAsync<ServerBusyException>(() => waiting.Ended.WaitAsync(Patience));
        Assert.That(limiter.Waiting, Is.Zero);

        held.End();
        Assert.That(await held.Ended.WaitAsync(Patience), Is.Zero, "a hash that has begun is not given up");
        Assert.That(waiting.HasBegun, Is.False);
    }

    [Test]
    public async Task A_queue_too_long_for_the_maximum_refuses_at_once()
    {
        // A hash is expected to take 20 ms before one was measured.
        using var limiter = new PasswordHashLimiter(_time, width: 1, TimeSpan.FromSeconds(1));
        var hashes = Enumerable.Range(0, 51).Select(_ => new HeldHash(limiter)).ToList();

        var refused = new HeldHash(limiter);

        Assert.That(refused.Ended.Exception?.InnerException, Is.TypeOf<ServerBusyException>());
        Assert.That(hashes.Select(hash => hash.Ended.IsCompleted), Is.All.False);
        hashes.ForEach(hash => hash.End());
        await Task.WhenAll(hashes.Select(hash => hash.Ended)).WaitAsync(Patience);
    }

    [Test]
    public async Task Slow_hashes_shorten_the_queue()
    {
        using var limiter = new PasswordHashLimiter(_time, width: 1, TimeSpan.FromSeconds(1));
        for (var i = 0; i < 10; i++)
        {
            await limiter.RunAsync(() => Thread.CurrentThread.Join(TimeSpan.FromMilliseconds(60)));
        }

        var hashes = Enumerable.Range(0, 50).Select(_ => new HeldHash(limiter)).ToList();

        Assert.That(hashes.Count(hash => hash.Ended.IsFaulted), Is.InRange(1, 35));
        hashes.ForEach(hash => hash.End());
        await Task.WhenAll(hashes.Where(hash => !hash.Ended.IsFaulted).Select(hash => hash.Ended)).WaitAsync(Patience);
    }

    [Test]
    public async Task A_caller_who_is_gone_leaves_the_queue()
    {
        using var limiter = new PasswordHashLimiter(_time, width: 1, MaxWait);
        var held = new HeldHash(limiter);
        await held.Begun.WaitAsync(Patience);
        using var gone = new CancellationTokenSource();
        var left = new HeldHash(limiter, gone.Token);
        var next = new HeldHash(limiter);

        await gone.CancelAsync();

        await Assert.ThatAsync(() => left.Ended.WaitAsync(Patience), Throws.InstanceOf<OperationCanceledException>());
        Assert.That(limiter.Waiting, Is.EqualTo(1));
        held.End();
        next.End();
        await next.Ended.WaitAsync(Patience);
        Assert.That(left.HasBegun, Is.False);
    }

    [Test]
    public async Task A_hash_that_fails_frees_its_place()
    {
        using var limiter = new PasswordHashLimiter(_time, width: 1, MaxWait);

        for (var i = 0; i < 3; i++)
        {
            await Assert.ThrowsAsync<InvalidOperationException>(() => limiter.RunAsync<int>(() => throw new InvalidOperationException()).WaitAsync(Patience));
        }

        Assert.That(await limiter.RunAsync(() => 42).WaitAsync(Patience), Is.EqualTo(42));
    }

    [Test]
    public async Task A_thread_that_cannot_be_started_is_tried_for_again()
    {
        var isExhausted = true;
        using var limiter = new PasswordHashLimiter(_time, width: 2, MaxWait, thread =>
        {
            if (isExhausted)
            {
                throw new InvalidOperationException("no thread");
            }

            thread.Start();
        });

        await Assert.ThrowsAsync<InvalidOperationException>(() => limiter.RunAsync(() => 1).WaitAsync(Patience));
        await Assert.ThrowsAsync<InvalidOperationException>(() => limiter.RunAsync(() => 2).WaitAsync(Patience));
        Assert.That(limiter.Waiting, Is.Zero);

        isExhausted = false;
        var held = new HeldHash(limiter);
        await held.Begun.WaitAsync(Patience);

        // Of two threads one runs: it takes the next as well.
        isExhausted = true;
        var next = limiter.RunAsync(() => 42);
        held.End();
        Assert.That(await next.WaitAsync(Patience), Is.EqualTo(42));
    }

    [Test]
    public async Task The_end_of_the_program_ends_the_waiting()
    {
        var limiter = new PasswordHashLimiter(_time, width: 1, MaxWait);
        var held = new HeldHash(limiter);
        await held.Begun.WaitAsync(Patience);
        var waiting = new HeldHash(limiter);

        limiter.Dispose();

        await Assert.ThrowsAsync<ObjectDisposedException>(() => waiting.Ended.WaitAsync(Patience));
        await Assert.ThrowsAsync<ObjectDisposedException>(() => new HeldHash(limiter).Ended.WaitAsync(Patience));
        held.End();
        await held.Ended.WaitAsync(Patience);
    }

    [TestCase("/login/")]
    [TestCase("/register/")]
    public async Task A_refused_call_gets_Retry_After_and_others_are_served(string path)
    {
        await using var application = new AuthApiApplication();
        using var browser = await application.NewLoggedInBrowserAsync();
        var limiter = application.Services.GetRequiredService<PasswordHashLimiter>();
        var held = Enumerable.Range(0, PasswordHashLimiter.Width).Select(_ => new HeldHash(limiter)).ToList();

        using var stranger = application.NewBrowser();
        var refusal = stranger.PostAsync(path, new { email = "bob@example.com", password = Browser.Password });
        Assert.That(await browser.MeAsync(), Is.EqualTo(HttpStatusCode.OK));
        using var logout = await browser.LogOutAsync();
        Assert.That(logout.StatusCode, Is.EqualTo(HttpStatusCode.OK));

        // It may not have come to the queue yet; time passes until it has, and has waited long enough.
        while (!refusal.IsCompleted)
        {
            application.Time.Advance(MaxWait);
            await Task.WhenAny(refusal, Task.Delay(TimeSpan.FromMilliseconds(20)));
        }

        using var response = await refusal;
        await response.ShouldBeProblemAsync(HttpStatusCode.ServiceUnavailable, "server_busy");
        Assert.That(response.Headers.RetryAfter?.Delta, Is.EqualTo(TimeSpan.FromSeconds(5)));
        held.ForEach(hash => hash.End());
    }

    /// <summary>A hash that runs until <see cref="End"/>.</summary>
    private sealed class HeldHash
    {
        private readonly TaskCompletionSource _begun = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private readonly TaskCompletionSource<int> _end = new();

        public HeldHash(PasswordHashLimiter limiter, CancellationToken cancellation = default) => Ended = limiter.RunAsync(
            () =>
            {
                _begun.SetResult();
                return _end.Task.GetAwaiter().GetResult();
            },
            cancellation);

        public Task Begun => _begun.Task;

        public bool HasBegun => _begun.Task.IsCompleted;

        public Task<int> Ended { get; }

        public void End() => _end.TrySetResult(0);
    }
}
