using AuthApi.Passwords;
using AuthApi.Storage;
using Microsoft.AspNetCore.Identity;
using Microsoft.Extensions.DependencyInjection;

namespace AuthApi.Tests.Harness;

/// <summary>Holds one verification of <see cref="Browser.Password"/>, on a thread of its own beside the one for all others.</summary>
internal sealed class HeldHasher : IPasswordHasher<ApplicationUser>, IDisposable
{
    private readonly Argon2PasswordHasher _hasher = new(memoryKiB: 8, passes: 1);
    private readonly TaskCompletionSource _held = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly ManualResetEventSlim _released = new();
    private int _isHolding;

    public Task Held => _held.Task.WaitAsync(TimeSpan.FromSeconds(30));

    /// <summary>Puts this in the place of the product's hasher.</summary>
    public void Wrap(IServiceCollection services) => services
        .AddSingleton<IPasswordHasher<ApplicationUser>>(this)
        .AddSingleton(provider => new PasswordHashLimiter(provider.GetRequiredService<TimeProvider>(), width: 2, TimeSpan.FromSeconds(10)));

    public void Hold() => _isHolding = 1;

    public void Release() => _released.Set();

    public void Dispose() => _released.Dispose();

    public string HashPassword(ApplicationUser user, string password) => _hasher.HashPassword(user, password);

    public PasswordVerificationResult VerifyHashedPassword(ApplicationUser user, string hashedPassword, string providedPassword)
    {
        if (providedPassword == Browser.Password && Interlocked.Exchange(ref _isHolding, 0) == 1)
        {
            _held.SetResult();
            _released.Wait(TimeSpan.FromSeconds(30));
        }

        return _hasher.VerifyHashedPassword(user, hashedPassword, providedPassword);
    }
}
