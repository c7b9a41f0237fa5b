using System.Net;
using System.Net.Http.Json;
using System.Text.Json.Nodes;
using AuthApi.Tests.Harness;
using AuthApi.Tests.House;

namespace AuthApi.Tests.Accounts;

/// <summary>The calls that need a recent authentication, as the document lists them: one that is added is among them.</summary>
internal sealed class RecentAuthenticationTests
{
    private const string ByFactor = "by a factor where the account has one";

    [Test]
    public async Task Every_call_that_says_so_needs_a_recent_authentication()
    {
        await using var application = new AuthApiApplication();
        var (_, root) = await application.NewAdministratorAsync();
        using var setup = await root.PostAsync("/two-factor/setup/");
        var app = new AuthenticatorApp((await setup.JsonAsync())["sharedKey"]!.GetValue<string>(), application.Time);
        using var enabled = await root.PostAsync("/two-factor/enable/", new { code = app.Code() });
        Assert.That(enabled.StatusCode, Is.EqualTo(HttpStatusCode.OK), await enabled.Content.ReadAsStringAsync());
        application.Time.Advance(TimeSpan.FromMinutes(1));
        using var other = application.NewBrowser();
        using var login = await other.PostAsync("/login/", new { email = "root@example.com", password = Browser.Password, twoFactorCode = app.Code() });
        var otherSession = (string)(await login.JsonAsync())["session"]!["id"]!;
        application.Time.Advance(TimeSpan.FromMinutes(11));

        // What administrators only read needs none, though it has the answers of its neighbours.
        var document = JsonNode.Parse(await File.ReadAllTextAsync(Path.Combine(Repository.Root, "docs/openapi.json")))!;
        var calls = document["paths"]!.AsObject()
            .SelectMany(path => path.Value!.AsObject(), (path, call) => (Path: path.Key, Method: call.Key, Answer: AnswerOf(document, call.Value!)))
            .Where(call => call.Answer.Contains("`reauthentication_required`", StringComparison.Ordinal) && (call.Method != "get" || !call.Path.StartsWith("/admin", StringComparison.Ordinal)))
            .ToList();
        Assert.That(calls, Has.Count.GreaterThan(20));

        await RefusedAsync(calls);
        await root.ReauthenticateAsync();
        await RefusedAsync(calls.FindAll(call => call.Answer.Contains(ByFactor, StringComparison.Ordinal)));
        Assert.That(await other.MeAsync(), Is.EqualTo(HttpStatusCode.OK));
        root.Dispose();

        async Task RefusedAsync(List<(string Path, string Method, string Answer)> needed)
        {
            foreach (var (template, method, _) in needed)
            {
                var path = template.Replace("{id}", template.StartsWith("/sessions/", StringComparison.Ordinal) ? otherSession : "1", StringComparison.Ordinal)
                    .Replace("{sessionId}", otherSession, StringComparison.Ordinal).Replace("{role}", "Admin", StringComparison.Ordinal);
                var query = (method, path) switch { (_, "/logout/") => "?scope=all", ("delete", "/passkeys/") => "?except=AAAA", _ => "" };
                using var response = await root.SendAsync(new HttpMethod(method.ToUpperInvariant()), path + query, method is "get" or "delete" ? null : JsonContent.Create(new { }));
                Assert.That(response.StatusCode, Is.EqualTo(HttpStatusCode.Forbidden), $"{method} {template}");
                await response.ShouldBeProblemAsync(HttpStatusCode.Forbidden, "reauthentication_required");
            }
        }
    }

    private static string AnswerOf(JsonNode document, JsonNode call)
    {
        var answer = call["responses"]!["403"];
        answer = answer?["$ref"] is { } reference ? document["components"]!["responses"]![((string)reference!).Split('/')[^1]] : answer;
        return (string?)answer?["description"] ?? "";
    }
}
