using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using AuthApi.Api;
using AuthApi.Sessions;
using AuthApi.Storage;
using Microsoft.AspNetCore.Identity;
using Microsoft.Extensions.Options;

namespace AuthApi.Passwords;

/// <summary>
/// Rejects a new password that is known from a breach (ASVS 6.2.12), where <c>Passwords:BreachCheckUrl</c> names a service with the range protocol of Pwned
/// Passwords. The service gets the first 5 of 40 hexadecimal digits of the password's SHA-1, and never the password. Where it cannot be asked, the password passes.
/// </summary>
internal sealed partial class BreachedPasswordValidator(
    IOptions<AccountPasswordOptions> options, IHttpClientFactory clients, BreachCheckLog throttle, ILogger<BreachedPasswordValidator> logger)
    : IPasswordValidator<ApplicationUser>
{
    /// <summary>The name of its HTTP client.</summary>
    public const string Client = "BreachCheck";

    /// <summary>How long a password may wait for the service.</summary>
    public static readonly TimeSpan Timeout = TimeSpan.FromSeconds(2);

    private const int PrefixLength = 5;

    public async Task<IdentityResult> ValidateAsync(UserManager<ApplicationUser> manager, ApplicationUser user, string? password)
    {
        var text = OpaqueString.Enforce(password ?? "");
        if (options.Value.BreachCheckUrl is not { Length: > 0 } url || MaxCharactersAttribute.Count(text) < options.Value.MinimumLength)
        {
            return IdentityResult.Success;
        }

        try
        {
            return await IsBreachedAsync(url, text)
                ? IdentityResult.Failed(new IdentityError { Code = "PasswordBreached", Description = "This password is known from a breach of another service." })
                : IdentityResult.Success;
        }
        catch (Exception exception) when (exception is HttpRequestException or OperationCanceledException or IOException)
        {
            if (throttle.IsDue())
            {
                Log.NotChecked(logger, exception.Message);
            }

            return IdentityResult.Success;
        }
    }

    private async Task<bool> IsBreachedAsync(string url, string password)
    {
        // The protocol's hash, which protects nothing here.
#pragma warning disable CA5350
        var hash = Convert.ToHexString(SHA1.HashData(Encoding.UTF8.GetBytes(password)));
#pragma warning restore CA5350
        using var client = clients.CreateClient(Client);
        var answer = await client.GetStringAsync(new Uri($"{url.TrimEnd('/')}/{hash[..PrefixLength]}"));

        // SUFFIX:COUNT, a line each; those with a count of zero pad the answer, so that its length shows nothing.
        return answer.Split('\n').Select(line => line.Trim().Split(':')).Any(parts => parts.Length == 2
            && parts[0].Equals(hash[PrefixLength..], StringComparison.OrdinalIgnoreCase)
            && int.TryParse(parts[1], NumberStyles.None, CultureInfo.InvariantCulture, out var count) && count > 0);
    }

    private static partial class Log
    {
        [LoggerMessage(1, LogLevel.Warning, "Passwords:BreachCheckUrl could not be asked, and passwords pass without it: {Message} Logged at most once a minute.")]
        public static partial void NotChecked(ILogger logger, string message);
    }
}

/// <summary>Limits the lines about a service that cannot be asked, for all requests.</summary>
internal sealed class BreachCheckLog(TimeProvider time)
{
    private readonly LogThrottle _throttle = new(time);

    public bool IsDue() => _throttle.IsDue();
}
