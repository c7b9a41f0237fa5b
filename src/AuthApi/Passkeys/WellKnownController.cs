using System.Text.Json.Nodes;
using AuthApi.Api;
using AuthApi.Factors;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Mvc;
using Microsoft.Extensions.Options;

namespace AuthApi.Passkeys;

/// <summary>Files by which browsers and phones learn which pages and apps may use the passkeys of this domain. What is not configured is 404.</summary>
[ApiController]
[AllowAnonymous]
[ApiExplorerSettings(IgnoreApi = true)]
public sealed class WellKnownController(IOptions<PasskeyOptions> options) : ControllerBase
{
    private PasskeyOptions Options => options.Value;

    /// <summary>Related origins (WebAuthn 3, 5.11).</summary>
    [HttpGet("/.well-known/webauthn")]
    public ActionResult RelatedOrigins() => File(
        Options.Origins.Any(IsPage), () => new JsonObject { ["origins"] = Array(Options.Origins.Where(IsPage)) });

    /// <summary>Digital Asset Links, for Android apps.</summary>
    [HttpGet("/.well-known/assetlinks.json")]
    public ActionResult AssetLinks() => File(Options.AndroidApps.Count > 0, () => new JsonArray([.. Options.ParsedAndroidApps.Select(app => new JsonObject
    {
        ["relation"] = Array(["delegate_permission/common.handle_all_urls", "delegate_permission/common.get_login_creds"]),
        ["target"] = new JsonObject
        {
            ["namespace"] = "android_app",
            ["package_name"] = app.Package,
            ["sha256_cert_fingerprints"] = Array([app.Fingerprint.ToUpperInvariant()]),
        },
    })]));

    /// <summary>Associated domains, for Apple apps.</summary>
    [HttpGet("/.well-known/apple-app-site-association")]
    public ActionResult AppleApps() => File(
        Options.AppleApps.Count > 0, () => new JsonObject { ["webcredentials"] = new JsonObject { ["apps"] = Array(Options.AppleApps) } });

    /// <summary>Where passkeys are added and managed (W3C, passkey endpoints).</summary>
    [HttpGet("/.well-known/passkey-endpoints")]
    public ActionResult Endpoints() => File(Options.EnrollUrl is not null || Options.ManageUrl is not null, () =>
    {
        var endpoints = new JsonObject();
        if (Options.EnrollUrl is { } enroll)
        {
            endpoints["enroll"] = enroll;
        }

        if (Options.ManageUrl is { } manage)
        {
            endpoints["manage"] = manage;
        }

        return endpoints;
    });

    private static bool IsPage(string origin) => origin.StartsWith("http", StringComparison.Ordinal);

    private static JsonArray Array(IEnumerable<string> values) => new([.. values.Select(value => (JsonNode)value)]);

    private ActionResult File(bool isConfigured, Func<JsonNode> create) =>
        isConfigured ? Content(create().ToJsonString(), "application/json") : new ProblemResult(ApiProblem.NotFound);
}
