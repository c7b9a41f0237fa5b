using System.Buffers.Text;
using System.Text.RegularExpressions;
using AuthApi.Mail;
using AuthApi.Startup;
using Microsoft.AspNetCore.Identity;
using Microsoft.Extensions.Options;

namespace AuthApi.Factors;

/// <summary>The configuration section <c>Passkeys</c>.</summary>
public sealed partial class PasskeyOptions
{
    public const string Section = "Passkeys";

    internal const string Required = "required";

    /// <summary>The domain that passkeys belong to (the relying party's id): by default the host of <c>Accounts:PublicUrl</c>, else of the request.</summary>
    public string? ServerDomain { get; set; }

    /// <summary>The origins whose pages and apps may use them: by default that of <c>Accounts:PublicUrl</c> and that of the request.</summary>
    public IReadOnlyList<string> Origins { get; set; } = [];

    /// <summary>Whether the authenticator must verify the person, by a PIN or a finger: <c>required</c>, or <c>preferred</c>.</summary>
    public string UserVerification { get; set; } = Required;

    /// <summary>Android apps, each as its package, a slash and the SHA-256 fingerprint of its certificate. They are origins too.</summary>
    public IReadOnlyList<string> AndroidApps { get; set; } = [];

    /// <summary>Apple apps, each as the team's id, a dot and the bundle's id.</summary>
    public IReadOnlyList<string> AppleApps { get; set; } = [];

    /// <summary>The page on which a person adds a passkey.</summary>
    public string? EnrollUrl { get; set; }

    /// <summary>The page on which a person sees their passkeys.</summary>
    public string? ManageUrl { get; set; }

    internal IEnumerable<(string Package, string Fingerprint)> ParsedAndroidApps => AndroidApps.Select(app => (app.Split('/')[0], app.Split('/')[1]));

    internal static void Add(IServiceCollection services)
    {
        services.AddKnownKeys<PasskeyOptions>(Section);
        services.AddOptions<PasskeyOptions>().Configure<IConfiguration>((options, configuration) =>
        {
            var section = configuration.GetSection(Section);
            options.ServerDomain = section[nameof(ServerDomain)] is { Length: > 0 } domain ? domain : null;
            options.UserVerification = section[nameof(UserVerification)] is { Length: > 0 } verification ? verification : Required;
            options.EnrollUrl = section[nameof(EnrollUrl)] is { Length: > 0 } enroll ? enroll : null;
            options.ManageUrl = section[nameof(ManageUrl)] is { Length: > 0 } manage ? manage : null;
            options.Origins = configuration.GetList($"{Section}:{nameof(Origins)}");
            options.AndroidApps = configuration.GetList($"{Section}:{nameof(AndroidApps)}");
            options.AppleApps = configuration.GetList($"{Section}:{nameof(AppleApps)}");
            options.Check();
        }).ValidateOnStart();
        services.AddOptions<IdentityPasskeyOptions>().Configure<IOptions<PasskeyOptions>, IOptions<PublicUrlOptions>>((identity, passkeys, publicUrl) =>
        {
            var (options, home) = (passkeys.Value, publicUrl.Value.Base is { } address ? new Uri(address) : null);
            var origins = options.Origins.Concat(options.ParsedAndroidApps.Select(app => OriginOf(app.Fingerprint))).ToHashSet(StringComparer.Ordinal);
            identity.ServerDomain = options.ServerDomain ?? home?.IdnHost;
            identity.UserVerificationRequirement = options.UserVerification;
            identity.ResidentKeyRequirement = "required";
            identity.AttestationConveyancePreference = "none";
            identity.AuthenticatorTimeout = PasskeyCeremonies.Lifetime;
            identity.ValidateOrigin = origin => ValueTask.FromResult(
                !origin.CrossOrigin
                && (origins.Contains(origin.Origin)
                    || (options.Origins.Count == 0 && (origin.Origin == OriginOf(home) || origin.Origin == $"{origin.HttpContext.Request.Scheme}://{origin.HttpContext.Request.Host}"))));
        });
    }

    private static string? OriginOf(Uri? url) => url?.GetLeftPart(UriPartial.Authority);

    private static string OriginOf(string fingerprint) =>
        $"android:apk-key-hash:{Base64Url.EncodeToString(Convert.FromHexString(fingerprint.Replace(":", "", StringComparison.Ordinal)))}";

    private void Check()
    {
        if (UserVerification is not (Required or "preferred"))
        {
            throw new ConfigurationException($"{Section}:{nameof(UserVerification)}", $"has '{UserVerification}'; there are required and preferred.");
        }

        if (ServerDomain is not null && Uri.CheckHostName(ServerDomain) != UriHostNameType.Dns)
        {
            throw new ConfigurationException($"{Section}:{nameof(ServerDomain)}", $"has '{ServerDomain}', which is no name of a host, as example.com.");
        }

        if (Origins.FirstOrDefault(origin => !IsOrigin(origin)) is { } wrong)
        {
            throw new ConfigurationException($"{Section}:{nameof(Origins)}", $"has '{wrong}', which is no origin as clients send it: https://host, with the port where it is not 443, or android:apk-key-hash:HASH.");
        }

        if (AndroidApps.FirstOrDefault(app => !AndroidApp().IsMatch(app)) is { } android)
        {
            throw new ConfigurationException($"{Section}:{nameof(AndroidApps)}", $"has '{android}', which is not a package, a slash and a SHA-256 fingerprint of 32 pairs of digits with colons between them.");
        }

        if (AppleApps.FirstOrDefault(app => !AppleApp().IsMatch(app)) is { } apple)
        {
            throw new ConfigurationException($"{Section}:{nameof(AppleApps)}", $"has '{apple}', which is not the ten characters of a team's id, a dot and a bundle's id.");
        }

        foreach (var (name, url) in new[] { (nameof(EnrollUrl), EnrollUrl), (nameof(ManageUrl), ManageUrl) })
        {
            if (url is not null && !(Uri.TryCreate(url, UriKind.Absolute, out var parsed) && parsed.Scheme == Uri.UriSchemeHttps))
            {
                throw new ConfigurationException($"{Section}:{name}", $"has '{url}', which is no https address.");
            }
        }
    }

    private static bool IsOrigin(string origin) => AndroidOrigin().IsMatch(origin)
        || (Uri.TryCreate(origin, UriKind.Absolute, out var uri)
            && (uri.Scheme == Uri.UriSchemeHttps || (uri.Scheme == Uri.UriSchemeHttp && uri.IsLoopback))
            && uri.GetLeftPart(UriPartial.Authority) == origin);

    [GeneratedRegex("^android:apk-key-hash:[A-Za-z0-9_-]{43}$")]
    private static partial Regex AndroidOrigin();

    [GeneratedRegex("^[A-Za-z0-9_.]+/[0-9A-Fa-f]{2}(:[0-9A-Fa-f]{2}){31}$")]
    private static partial Regex AndroidApp();

    [GeneratedRegex("^[A-Z0-9]{10}\\.[A-Za-z0-9.-]+$")]
    private static partial Regex AppleApp();
}
