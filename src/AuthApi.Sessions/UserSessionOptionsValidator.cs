using System.Buffers;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Options;

namespace AuthApi.Sessions;

/// <summary>Rejects options with which sessions would not be what they promise. Each message names the key.</summary>
internal sealed class UserSessionOptionsValidator : IValidateOptions<UserSessionOptions>
{
    private const string Section = UserSessionOptions.Section;

    // GET /sessions/ answers them all at once, at 300 bytes and more each, and a logout of all ends them in one transaction.
    private const int MaxMaxPerUser = 1_000;

    private static readonly SearchValues<char> TokenCharacters =
        SearchValues.Create("!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz");

    public ValidateOptionsResult Validate(string? name, UserSessionOptions options)
    {
        var failures = Failures(options).ToList();
        return failures.Count == 0 ? ValidateOptionsResult.Success : ValidateOptionsResult.Fail(failures);
    }

    private static IEnumerable<string> Failures(UserSessionOptions options)
    {
        foreach (var (key, value) in new[]
        {
            (nameof(options.IdleTimeout), options.IdleTimeout),
            (nameof(options.AbsoluteTimeout), options.AbsoluteTimeout),
            (nameof(options.RememberMeIdleTimeout), options.RememberMeIdleTimeout),
            (nameof(options.RememberMeAbsoluteTimeout), options.RememberMeAbsoluteTimeout),
            (nameof(options.CleanupInterval), options.CleanupInterval),
        })
        {
            if (value < TimeSpan.FromSeconds(1) || value > TimeSpan.FromDays(366))
            {
                yield return $"{Section}:{key} must be between one second and 366 days, not {value:c}.";
            }
        }

        if (options.RecentAuthentication < TimeSpan.FromSeconds(1) || options.RecentAuthentication > TimeSpan.FromDays(1))
        {
            yield return $"{Section}:{nameof(options.RecentAuthentication)} must be between one second and one day, not {options.RecentAuthentication:c}.";
        }

        if (options.CleanupInterval > TimeSpan.FromDays(1))
        {
            yield return $"{Section}:{nameof(options.CleanupInterval)} must be at most one day, not {options.CleanupInterval:c}.";
        }

        if (options.IdleTimeout > options.AbsoluteTimeout)
        {
            yield return $"{Section}:IdleTimeout must not be longer than {Section}:AbsoluteTimeout.";
        }

        if (options.RememberMeIdleTimeout > options.RememberMeAbsoluteTimeout)
        {
            yield return $"{Section}:RememberMeIdleTimeout must not be longer than {Section}:RememberMeAbsoluteTimeout.";
        }

        if (options.ClearSiteData.Any(character => character is < ' ' or > '~'))
        {
            yield return $"{Section}:{nameof(options.ClearSiteData)} must be printable ASCII, as \"storage\", quotes and all.";
        }

        if (options.CookieName.Length is 0 or > 64 || options.CookieName.AsSpan().ContainsAnyExcept(TokenCharacters))
        {
            yield return $"{Section}:{nameof(options.CookieName)} must have 1 to 64 letters, digits or signs of !#$%&'*+-.^_`|~ (RFC 9110, 5.6.2), not \"{options.CookieName}\".";
        }

        if (options.CookieName.StartsWith("__", StringComparison.Ordinal))
        {
            yield return $"{Section}:{nameof(options.CookieName)} must not begin with __: over HTTPS the name has {SessionCookie.HostPrefix} before it anyway. Not \"{options.CookieName}\".";
        }

        if (options.CookieSameSite is not (SameSiteMode.Strict or SameSiteMode.Lax or SameSiteMode.None))
        {
            yield return $"{Section}:{nameof(options.CookieSameSite)} must be Strict, Lax or None, not {options.CookieSameSite}.";
        }

        if (!options.CookiePath.StartsWith('/') || options.CookiePath.Any(character => character is < ' ' or > '~' or ';'))
        {
            yield return $"{Section}:{nameof(options.CookiePath)} must begin with / and be ASCII without a semicolon, not \"{options.CookiePath}\".";
        }

        if (options.CookieDomain is { } domain && Uri.CheckHostName(domain.TrimStart('.')) != UriHostNameType.Dns)
        {
            yield return $"{Section}:{nameof(options.CookieDomain)} must be the name of a domain, as example.com, not \"{domain}\".";
        }

        if (options.ReturnUrlParameter.Length == 0)
        {
            yield return $"{Section}:{nameof(options.ReturnUrlParameter)} must not be empty.";
        }

        if (options.MaxPerUser is < 1 or > MaxMaxPerUser)
        {
            yield return $"{Section}:MaxPerUser must be between 1 and {MaxMaxPerUser}, not {options.MaxPerUser}.";
        }

        if (options.CacheSize is < 100 or > 10_000_000)
        {
            yield return $"{Section}:CacheSize must be between 100 and 10000000, not {options.CacheSize}.";
        }

        if (options.Realm.Any(character => character is < ' ' or > '~' or '"' or '\\'))
        {
            yield return $"{Section}:{nameof(options.Realm)} must be printable ASCII without quotes, not \"{options.Realm}\".";
        }
    }
}
