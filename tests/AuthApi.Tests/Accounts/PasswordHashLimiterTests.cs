using System.Net;
using AuthApi.Accounts;
using AuthApi.Api;
using AuthApi.Tests.Harness;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Time.Testing;

namespace AuthApi.Tests.Accounts;

internal sealed class PasswordHashLimiterTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private readonly FakeTimeProvider _time = new();

    [Test]
    public void ACoreIsLeftToThoseWhoAreSignedIn() =>
        Assert.That(PasswordHashLimiter.Width, Is.EqualTo(Environment.ProcessorCount == 1 ? 1 : Environment.ProcessorCount - 1));

    [Test]
    public async Task NoMoreAreHashedAtOnceThanTheGateIsWide()
    {
        using var gate = new PasswordHashLimiter(_time, width: 2, longestQueue: 10);
        var hashes = Enumerable.Range(0, 5).Select(_ => new HeldHash(gate)).ToList();

        Assert.That(hashes.Select(hash => hash.HasBegun), Is.EqualTo(new[] { true, true, false, false, false }));

        hashes[0].End();
        await hashes[2].Begun.WaitAsync(Patience);
        Assert.That(hashes.Count(hash => hash.HasBegun), Is.EqualTo(3));

        hashes.ForEach(hash => hash.End());
        await Task.WhenAll(hashes.Select(hash => hash.Ended)).WaitAsync(Patience);
    }

    [Test]
    public async Task WhoeverWaitsTooLongIsRefusedAndMakesRoom()
    {
        using var gate = new PasswordHashLimiter(_time, width: 1, longestQueue: 1);
        var held = new HeldHash(gate);
        var waiting = new HeldHash(gate);

        _time.Advance(PasswordHashLimiter.MinWait - TimeSpan.FromMilliseconds(1));
        Assert.That(waiting.Ended.IsCompleted, Is.False);

        _time.Advance(PasswordHashLimiter.MaxWait - PasswordHashLimiter.MinWait + TimeSpan.FromMilliseconds(1));
        await Assert.ThrowsAsync<ServerBusyException>(() => waiting.Ended.WaitAsync(Patience));
        Assert.That(waiting.HasBegun, Is.False);
        Assert.That(new HeldHash(gate).Ended.IsCompleted, Is.False, "the next one waits");
        held.End();
    }

    [Test]
    public async Task ThoseWhoCameTogetherAreNotRefusedTogether()
    {
        using var gate = new PasswordHashLimiter(_time, width: 1, longestQueue: 50);
        var held = new HeldHash(gate);
        var waiting = Enumerable.Range(0, 50).Select(_ => new HeldHash(gate)).ToList();

        // By chance it could be all or none of them, once in 2^49 runs.
        _time.Advance((PasswordHashLimiter.MinWait + PasswordHashLimiter.MaxWait) / 2);
        await Task.WhenAny(waiting.Select(hash => hash.Ended)).WaitAsync(Patience);
        Assert.That(waiting.Count(hash => hash.Ended.IsCompleted), Is.LessThan(50));

        held.End();
        waiting.ForEach(hash => hash.End());
    }

    [Test]
    public void WhoeverComesToAFullQueueIsRefusedAtOnce()
    {
        using var gate = new PasswordHashLimiter(_time, width: 1, longestQueue: 2);
        var inside = Enumerable.Range(0, 3).Select(_ => new HeldHash(gate)).ToList();

        Assert.That(new HeldHash(gate).Ended.Exception?.InnerException, Is.TypeOf<ServerBusyException>());
        Assert.That(inside.Select(hash => hash.Ended.IsCompleted), Is.All.False);
        inside.ForEach(hash => hash.End());
    }

    [Test]
    public async Task AHashThatFailsLeavesItsPlace()
    {
        using var gate = new PasswordHashLimiter(_time, width: 1, longestQueue: 1);

        for (var i = 0; i < 3; i++)
        {
            await Assert.ThrowsAsync<InvalidOperationException>(() => gate.RunAsync<int>(() => throw new InvalidOperationException()));
            await Assert.ThrowsAsync<InvalidOperationException>(() => gate.RunAsync(() => Task.FromException<int>(new InvalidOperationException())));
        }

        Assert.That(await gate.RunAsync(() => Task.FromResult(42)).WaitAsync(Patience), Is.EqualTo(42));
    }

    [TestCase("/login/")]
    [TestCase("/register/")]
    public async Task WhoeverIsNotLetInIsToldWhenToComeAgainAndTheOthersAreServed(string path)
    {
        await using var application = new AuthApiApplication();
        using var browser = await application.NewLoggedInBrowserAsync();
        var gate = application.Services.GetRequiredService<PasswordHashLimiter>();
        var held = Enumerable.Range(0, PasswordHashLimiter.Width).Select(_ => new HeldHash(gate)).ToList();

        using var stranger = application.NewBrowser();
        var refusal = stranger.PostAsync(path, new { email = "bob@example.com", password = Browser.Password });
        Assert.That(await browser.MeAsync(), Is.EqualTo(HttpStatusCode.OK));
        using var logout = await browser.LogOutAsync();
        Assert.That(logout.StatusCode, Is.EqualTo(HttpStatusCode.OK));

        // It may not have come to the gate yet; time passes until it has, and has waited long enough.
        while (!refusal.IsCompleted)
        {
            application.Time.Advance(PasswordHashLimiter.MaxWait);
            await Task.WhenAny(refusal, Task.Delay(TimeSpan.FromMilliseconds(20)));
        }

        using var response = await refusal;
        await response.ShouldBeProblemAsync(HttpStatusCode.ServiceUnavailable, "server_busy");
        Assert.That(response.Headers.RetryAfter?.Delta, Is.EqualTo(TimeSpan.FromSeconds(5)));
        held.ForEach(hash => hash.End());
    }

    /// <summary>A hash that takes until it is told to end.</summary>
    private sealed class HeldHash
    {
        private readonly TaskCompletionSource _begun = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private readonly TaskCompletionSource<int> _end = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public HeldHash(PasswordHashLimiter gate) => Ended = gate.RunAsync(() =>
        {
            _begun.SetResult();
            return _end.Task;
        });

        public Task Begun => _begun.Task;

        public bool HasBegun => _begun.Task.IsCompleted;

        public Task<int> Ended { get; }

        public void End() => _end.TrySetResult(0);
    }
}
