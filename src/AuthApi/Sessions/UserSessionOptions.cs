using System.Buffers;
using System.ComponentModel.DataAnnotations;

namespace AuthApi.Sessions;

/// <summary>The configuration section <c>Sessions</c>.</summary>
public sealed class UserSessionOptions : IValidatableObject
{
    public const string Section = "Sessions";

    // GET /sessions/ answers them all at once, at 300 bytes and more each, and a logout of all ends them in one transaction.
    private const int MaxMaxPerUser = 1_000;

    private const string SecurePrefix = "__Host-";

    private static readonly SearchValues<char> TokenCharacters =
        SearchValues.Create("!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz");

    /// <summary>A session not used for this long ends.</summary>
    public TimeSpan IdleTimeout { get; set; } = TimeSpan.FromMinutes(30);

    /// <summary>A session this old ends, however much it is used.</summary>
    public TimeSpan AbsoluteTimeout { get; set; } = TimeSpan.FromHours(12);

    /// <summary><see cref="IdleTimeout"/> where the user asked to be remembered.</summary>
    public TimeSpan RememberMeIdleTimeout { get; set; } = TimeSpan.FromDays(14);

    /// <summary><see cref="AbsoluteTimeout"/> where the user asked to be remembered.</summary>
    public TimeSpan RememberMeAbsoluteTimeout { get; set; } = TimeSpan.FromDays(30);

    /// <summary>How many live sessions a user may have. One more makes the least recently used end (ASVS 7.1.2).</summary>
    public int MaxPerUser { get; set; } = 50;

    /// <summary>The number of sessions that the process caches. Others are read from the store when they are used.</summary>
    public int CacheSize { get; set; } = 5_000;

    /// <summary>How often expired sessions are deleted.</summary>
    public TimeSpan CleanupInterval { get; set; } = TimeSpan.FromMinutes(5);

    /// <summary>
    /// The value of <c>Clear-Site-Data</c> where a session ends whose token is in a cookie, as <c>"storage"</c> with its quotes. Empty sends no
    /// such header: it empties the whole origin, for all pages and tabs.
    /// </summary>
    public string ClearSiteData { get; set; } = "";

    /// <summary>The name of the session cookie over plain HTTP; over HTTPS it has <c>__Host-</c> before it.</summary>
    public string CookieName
    {
        get;
        set
        {
            field = value;
            SecureCookieName = SecurePrefix + value;
        }
    } = SessionCookie.PlainName;

    /// <summary>Strict, or Lax for an application that other sites link into.</summary>
    public SameSiteMode CookieSameSite { get; set; } = SameSiteMode.Strict;

    public IEnumerable<ValidationResult> Validate(ValidationContext validationContext)
    {
        foreach (var (key, value) in new[]
        {
            (nameof(IdleTimeout), IdleTimeout),
            (nameof(AbsoluteTimeout), AbsoluteTimeout),
            (nameof(RememberMeIdleTimeout), RememberMeIdleTimeout),
            (nameof(RememberMeAbsoluteTimeout), RememberMeAbsoluteTimeout),
            (nameof(CleanupInterval), CleanupInterval),
        })
        {
            if (value < TimeSpan.FromSeconds(1) || value > TimeSpan.FromDays(366))
            {
                yield return new ValidationResult($"{Section}:{key} must be between one second and 366 days, not {value:c}.");
            }
        }

        if (CleanupInterval > TimeSpan.FromDays(1))
        {
            yield return new ValidationResult($"{Section}:{nameof(CleanupInterval)} must be at most one day, not {CleanupInterval:c}.");
        }

        if (IdleTimeout > AbsoluteTimeout)
        {
            yield return new ValidationResult($"{Section}:IdleTimeout must not be longer than {Section}:AbsoluteTimeout.");
        }

        if (RememberMeIdleTimeout > RememberMeAbsoluteTimeout)
        {
            yield return new ValidationResult($"{Section}:RememberMeIdleTimeout must not be longer than {Section}:RememberMeAbsoluteTimeout.");
        }

        if (ClearSiteData.Any(character => character is < ' ' or > '~'))
        {
            yield return new ValidationResult($"{Section}:{nameof(ClearSiteData)} must be printable ASCII, as \"storage\", quotes and all.");
        }

        if (CookieName.Length is 0 or > 64 || CookieName.AsSpan().ContainsAnyExcept(TokenCharacters))
        {
            yield return new ValidationResult(
                $"{Section}:{nameof(CookieName)} must have 1 to 64 letters, digits or signs of !#$%&'*+-.^_`|~ (RFC 9110, 5.6.2), not \"{CookieName}\".");
        }

        if (CookieName.StartsWith("__", StringComparison.Ordinal))
        {
            yield return new ValidationResult(
                $"{Section}:{nameof(CookieName)} must not begin with __: over HTTPS the name has {SecurePrefix} before it anyway. Not \"{CookieName}\".");
        }

        if (CookieSameSite is not (SameSiteMode.Strict or SameSiteMode.Lax))
        {
            yield return new ValidationResult($"{Section}:{nameof(CookieSameSite)} must be Strict or Lax, not {CookieSameSite}.");
        }

        if (MaxPerUser is < 1 or > MaxMaxPerUser)
        {
            yield return new ValidationResult($"{Section}:MaxPerUser must be between 1 and {MaxMaxPerUser}, not {MaxPerUser}.");
        }

        if (CacheSize is < 100 or > 10_000_000)
        {
            yield return new ValidationResult($"{Section}:CacheSize must be between 100 and 10000000, not {CacheSize}.");
        }
    }

    internal string SecureCookieName { get; private set; } = SecurePrefix + SessionCookie.PlainName;

    internal TimeSpan IdleTimeoutOf(bool rememberMe) => rememberMe ? RememberMeIdleTimeout : IdleTimeout;

    internal TimeSpan AbsoluteTimeoutOf(bool rememberMe) => rememberMe ? RememberMeAbsoluteTimeout : AbsoluteTimeout;

    /// <summary>How often last uses are written: once a minute, and more often where a minute is much of the idle timeout.</summary>
    internal TimeSpan LastSeenInterval =>
        TimeSpan.FromTicks(Math.Clamp(Math.Min(IdleTimeout.Ticks, RememberMeIdleTimeout.Ticks) / 30, TimeSpan.TicksPerSecond, TimeSpan.TicksPerMinute));
}
