using System.Net;
using System.Text.Json.Nodes;
using AuthApi.Tests.Harness;
using AuthApi.Tests.House;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Mvc.ApiExplorer;
using Microsoft.Extensions.DependencyInjection;

namespace AuthApi.Tests.OpenApi;

internal sealed class OpenApiDocumentTests
{
    private AuthApiApplication _application = null!;
    private Browser _browser = null!;

    [OneTimeSetUp]
    public void StartApplication() => _application = new AuthApiApplication();

    [OneTimeTearDown]
    public async Task EndApplication() => await _application.DisposeAsync();

    [SetUp]
    public void SetUp() => _browser = _application.NewBrowser();

    [TearDown]
    public void TearDown() => _browser.Dispose();

    [Test]
    public async Task The_kept_document_is_the_served_one()
    {
        var kept = Path.Combine(Repository.Root, "docs", "openapi.json");
        using var response = await _browser.GetAsync("/swagger/v1/swagger.json");
        var served = await response.Content.ReadAsStringAsync() + "\n";

        if (Environment.GetEnvironmentVariable("UPDATE_OPENAPI") == "1")
        {
            await File.WriteAllTextAsync(kept, served);
        }

        Assert.That(
            File.Exists(kept) ? await File.ReadAllTextAsync(kept) : "",
            Is.EqualTo(served),
            "docs/openapi.json is not what the server serves. Look at the difference, and if it is meant, write it again: "
            + "UPDATE_OPENAPI=1 dotnet test tests/AuthApi.Tests --filter The_kept_document_is_the_served_one");
    }

    [Test]
    public async Task Every_text_but_the_first_is_one_line()
    {
        using var response = await _browser.GetAsync("/swagger/v1/swagger.json");
        var document = (await response.JsonAsync()).AsObject();
        Assert.That((string?)document["info"]!["description"], Does.Contain("\n"));
        document.Remove("info");

        Assert.That(Texts(document).Where(text => text.Contains('\n', StringComparison.Ordinal) || text.Contains("  ", StringComparison.Ordinal)), Is.Empty);

        static IEnumerable<string> Texts(JsonNode? node) => node switch
        {
            JsonObject item => item.SelectMany(member => Texts(member.Value)),
            JsonArray list => list.SelectMany(Texts),
            JsonValue value when value.TryGetValue<string>(out var text) => [text],
            _ => [],
        };
    }

    [Test]
    public async Task Every_call_is_in_the_document_with_its_name_and_answers()
    {
        using var response = await _browser.GetAsync("/swagger/v1/swagger.json");
        var document = await response.JsonAsync();
        var calls = _application.Services.GetRequiredService<IApiDescriptionGroupCollectionProvider>().ApiDescriptionGroups.Items
            .SelectMany(group => group.Items).Where(call => call.HttpMethod != HttpMethods.Head).ToList();

        Assert.That(calls, Is.Not.Empty);
        foreach (var call in calls)
        {
            var operation = document["paths"]!["/" + call.RelativePath!.TrimEnd('/') + "/"]![call.HttpMethod!.ToLowerInvariant()]!.AsObject();
            var answers = operation["responses"]!.AsObject().Select(answer => answer.Key).ToList();
            using (Assert.EnterMultipleScope())
            {
                Assert.That(operation["operationId"]!.GetValue<string>(), Is.Not.Empty);
                Assert.That(operation["summary"]!.GetValue<string>(), Is.Not.Empty);
                Assert.That(operation["tags"]!.AsArray(), Has.Count.EqualTo(1));
                Assert.That(answers, Has.Some.StartsWith("2"));
                Assert.That(answers, Contains.Item("500").And.Contains("503"));
                Assert.That(answers.Contains("401"), Is.EqualTo(operation.ContainsKey("security") || call.RelativePath is "login" or "login/passkey" or "recovery"), "401");
                Assert.That(answers.Contains("415"), Is.EqualTo(operation.ContainsKey("requestBody")), "415");
            }

            foreach (var (status, answer) in operation["responses"]!.AsObject().Where(answer => answer.Key != "204"))
            {
                Assert.That(
                    Resolved(document, answer!)["content"]!.AsObject().Select(content => content.Key),
                    Is.EqualTo(new[] { status.StartsWith('2') ? "application/json" : "application/problem+json" }),
                    $"{call.RelativePath} {status}");
            }
        }
    }

    [Test]
    public async Task The_calls_are_in_the_order_a_reader_needs_them()
    {
        using var response = await _browser.GetAsync("/swagger/v1/swagger.json");
        var document = await response.JsonAsync();
        var calls = document["paths"]!.AsObject().SelectMany(path => path.Value!.AsObject()).Select(call => call.Value!).ToList();
        var rooms = calls.Select(call => call["tags"]![0]!.GetValue<string>()).ToList();

        // All calls of one path stand together.
        var first = document["paths"]!.AsObject().Select(path => path.Value!.AsObject().First().Value!["operationId"]!.GetValue<string>());
        Assert.That(first.Take(4), Is.EqualTo(new[] { "register", "login", "me", "logout" }));
        Assert.That(rooms.Zip(rooms.Skip(1)).Count(pair => pair.First != pair.Second), Is.EqualTo(rooms.Distinct().Count() - 1), "each room in one piece");
        Assert.That(document["tags"]!.AsArray().Select(tag => tag!["name"]!.GetValue<string>()), Is.EqualTo(rooms.Distinct()));
        Assert.That(document["tags"]!.AsArray().Select(tag => tag!["description"]?.GetValue<string>()), Has.All.Not.Empty);
    }

    [Test]
    public async Task A_shared_problem_is_described_once()
    {
        using var response = await _browser.GetAsync("/swagger/v1/swagger.json");
        var document = await response.JsonAsync();
        var inline = document["paths"]!.AsObject().SelectMany(path => path.Value!.AsObject())
            .SelectMany(call => call.Value!["responses"]!.AsObject().Select(answer => answer.Value!))
            .Where(answer => answer["content"]?["application/problem+json"] is not null)
            .Select(answer => answer.ToJsonString())
            .ToList();

        Assert.That(inline, Is.Unique);
        Assert.That(
            document["components"]!["responses"]!.AsObject().Select(answer => answer.Key),
            Is.SupersetOf(new[] { "CrossSiteRequest", "InternalError", "NotAuthenticatedOrAmbiguousSession", "StoreUnavailableOrServerBusy", "TooManyRequests" }));
    }

    [TestCase("GET", "/me/", null, null, 401, "not_authenticated")]
    [TestCase("POST", "/login/", "{}", null, 400, "validation_failed")]
    [TestCase("POST", "/login/", "[]", null, 400, "malformed_json")]
    [TestCase("POST", "/login/", """{"email":"nobody@example.com","password":"correct horse battery staple"}""", null, 401, "invalid_credentials")]
    [TestCase("POST", "/login/", "{}", "https://evil.example", 403, "cross_site_request")]
    [TestCase("POST", "/login/", null, null, 415, "unsupported_media_type")]
    [TestCase("DELETE", "/sessions/{id}/", null, "https://evil.example", 403, "cross_site_request")]
    public async Task A_problem_is_answered_as_its_example_says(string method, string path, string? body, string? origin, int status, string code)
    {
        using var response = await _browser.GetAsync("/swagger/v1/swagger.json");
        var document = await response.JsonAsync();
        var content = Resolved(document, document["paths"]![path]![method.ToLowerInvariant()]!["responses"]![$"{status}"]!)["content"]!["application/problem+json"]!;
        var example = content["example"] ?? content["examples"]![code]!["value"]!;

        using var answer = await _browser.SendAsync(
            new HttpMethod(method),
            path,
            body is null ? null : new StringContent(body, null, "application/json"),
            request =>
            {
                if (origin is not null)
                {
                    request.Headers.Add("Origin", origin);
                }
            });
        var problem = await answer.ShouldBeProblemAsync((HttpStatusCode)status, code);

        foreach (var field in new[] { "status", "code", "title" })
        {
            Assert.That(problem[field]!.ToJsonString(), Is.EqualTo(example[field]!.ToJsonString()));
        }
    }

    [TestCase("sessionCookie", "cookie", "__Host-session")]
    [TestCase("sessionHeader", "header", "Authorization")]
    public async Task Cookie_and_header_are_security_schemes(string scheme, string place, string name)
    {
        using var response = await _browser.GetAsync("/swagger/v1/swagger.json");
        var found = (await response.JsonAsync())["components"]!["securitySchemes"]![scheme]!;

        Assert.That(found["type"]!.GetValue<string>(), Is.EqualTo("apiKey"));
        Assert.That(found["in"]!.GetValue<string>(), Is.EqualTo(place));
        Assert.That(found["name"]!.GetValue<string>(), Is.EqualTo(name));
    }

    [Test]
    public async Task The_documents_examples_work_unchanged()
    {
        using var response = await _browser.GetAsync("/swagger/v1/swagger.json");
        var schemas = (await response.JsonAsync())["components"]!["schemas"]!;

        foreach (var (path, schema, status) in new[]
        {
            ("/register/", "RegisterRequest", 201), ("/login/", "LoginRequest", 200), ("/reauthenticate/", "ReauthenticateRequest", 200),
        })
        {
            using var answer = await _browser.PostTextAsync(path, schemas[schema]!["example"]!.ToJsonString());
            Assert.That((int)answer.StatusCode, Is.EqualTo(status), path + await answer.Content.ReadAsStringAsync());
        }
    }

    [TestCase("Production", null, false)]
    [TestCase("Production", "true", true)]
    [TestCase("Development", null, true)]
    [TestCase("Development", "false", false)]
    public async Task The_document_is_served_where_it_is_enabled(string environment, string? enabled, bool served)
    {
        await using var application = new AuthApiApplication(settings: new() { ["Swagger:Enabled"] = enabled }, environment: environment);
        using var browser = application.NewBrowser();

        foreach (var path in new[] { "/swagger/v1/swagger.json", "/swagger/index.html" })
        {
            using var response = await browser.GetAsync(path);
            Assert.That((int)response.StatusCode, Is.EqualTo(served ? 200 : 404));
        }
    }

    [Test]
    public async Task An_address_of_swagger_counts_only_as_written()
    {
        await using var application = new AuthApiApplication(kestrel: true);
        using var browser = application.NewBrowser();

        foreach (var (path, status) in new[]
        {
            ("/swagger/", 200), ("/swagger/?a=%20", 200), ("/swagger/v1/swagger.json?a=%2F", 200), ("/swagger/v1/swagger.json", 200),
            ("/SWAGGER/", 404), ("/Swagger/v1/swagger.json", 404), ("/%73wagger/", 404), ("/%73wagger/v1/swagger.json", 404), ("/x/..//swagger/", 404),
        })
        {
            using var connection = await RawConnection.OpenAsync(browser.Address);
            await connection.SendAsync($"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n");
            Assert.That((await connection.ReadAsync())?.Status, Is.EqualTo(status), path);
        }
    }

    [Test]
    public async Task The_server_is_named_relative_to_the_document()
    {
        using var response = await _browser.GetAsync("/swagger/v1/swagger.json");
        var server = (await response.JsonAsync())["servers"]!.AsArray().Single()!["url"]!.GetValue<string>();

        Assert.That(new Uri(new Uri("https://example.com/below/a/prefix/swagger/v1/swagger.json"), server).ToString(), Is.EqualTo("https://example.com/below/a/prefix/"));
    }

    [Test]
    public async Task The_header_comes_first_for_tools_that_take_one()
    {
        using var response = await _browser.GetAsync("/swagger/v1/swagger.json");
        var secured = (await response.JsonAsync())["paths"]!.AsObject().SelectMany(path => path.Value!.AsObject())
            .Select(call => call.Value!["security"]?.AsArray()).OfType<JsonArray>().ToList();

        Assert.That(secured, Is.Not.Empty);
        Assert.That(secured.Select(ways => string.Join(' ', ways.Select(way => way!.AsObject().Single().Key))), Has.All.EqualTo("sessionHeader sessionCookie"));
    }

    [Test]
    public async Task The_title_is_the_message_of_a_generated_error()
    {
        using var response = await _browser.GetAsync("/swagger/v1/swagger.json");
        var problem = (await response.JsonAsync())["components"]!["schemas"]!["ProblemResponse"]!["properties"]!;

        Assert.That(problem["title"]!["x-ms-primary-error-message"]!.GetValue<bool>(), Is.True);
    }

    private static JsonNode Resolved(JsonNode document, JsonNode answer) =>
        answer["$ref"]?.GetValue<string>() is { } reference ? document["components"]!["responses"]![reference[(reference.LastIndexOf('/') + 1)..]]! : answer;
}
