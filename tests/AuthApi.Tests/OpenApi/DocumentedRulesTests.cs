using System.Net;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using AuthApi.Tests.Harness;

namespace AuthApi.Tests.OpenApi;

/// <summary>Walks the served OpenAPI document and asks the server whether each rule in it is the server's own.</summary>
internal sealed class DocumentedRulesTests
{
    // One of several is required, which OpenAPI 3.0 can say only in words: an address or a user name, a proof of whatever kind, the current password but after a recovery.
    private static readonly HashSet<(string Path, string Field)> RequiredInWords = [("/login/", "email"), ("/reauthenticate/", "password"), ("/password/change/", "currentPassword")];

    private AuthApiApplication _application = null!;
    private Browser _browser = null!;
    private JsonNode _document = null!;
    private int _accounts;

    [OneTimeSetUp]
    public async Task StartApplication()
    {
        _application = new AuthApiApplication();
        _browser = await _application.NewLoggedInBrowserAsync();
        using var response = await _browser.GetAsync("/swagger/v1/swagger.json");
        _document = await response.JsonAsync();
    }

    [OneTimeTearDown]
    public async Task EndApplication()
    {
        _browser.Dispose();
        await _application.DisposeAsync();
    }

    [Test]
    public async Task A_body_is_required_where_the_document_says_so()
    {
        foreach (var call in Bodies())
        {
            Assert.That(call.Operation["requestBody"]!["required"]?.GetValue<bool>(), Is.True, call.Path);
            using var response = await SendAsync(call, body: null);
            await response.ShouldBeProblemAsync(HttpStatusCode.UnsupportedMediaType, "unsupported_media_type");
        }
    }

    [Test]
    public async Task Exactly_the_required_fields_are_required()
    {
        foreach (var call in Bodies())
        {
            var required = call.Schema["required"]?.AsArray().Select(field => field!.GetValue<string>()).ToList() ?? [];
            foreach (var field in required)
            {
                await ShouldBeInvalidAsync(call, body => body.Remove(field), field);
                await ShouldBeInvalidAsync(call, body => body[field] = null, field);
            }

            var optional = call.Schema["properties"]!.AsObject().Select(property => property.Key).Except(required).ToList();
            foreach (var field in optional)
            {
                if (!RequiredInWords.Contains((call.Path, field)))
                {
                    await ShouldBeValidAsync(call, body => body.Remove(field), field);
                    await ShouldBeValidAsync(call, body => body[field] = null, field);
                }

                // OpenAPI 3.0 has no place for it beside a reference or without a type; the document's text says it for all.
                var property = call.Schema["properties"]![field]!;
                Assert.That(property["nullable"]?.GetValue<bool>() ?? property["type"] is null, Is.True, $"{call.Path} {field}");
            }
        }
    }

    [Test]
    public async Task A_length_is_counted_in_code_points()
    {
        foreach (var (call, field, schema) in Fields())
        {
            foreach (var character in new[] { "e", "\U0001F600" })
            {
                if (schema["maxLength"]?.GetValue<int>() is { } max)
                {
                    await ShouldBeInvalidAsync(call, body => Set(body, field, string.Concat(Enumerable.Repeat(character, max + 1))), field);
                    await ShouldBeValidAsync(call, body => Set(body, field, string.Concat(Enumerable.Repeat(character, max))), field);
                }

                if (schema["minLength"]?.GetValue<int>() is { } min)
                {
                    await ShouldBeInvalidAsync(call, body => Set(body, field, string.Concat(Enumerable.Repeat(character, min - 1))), field);
                }
            }
        }
    }

    [Test]
    public async Task A_pattern_is_for_the_whole_value()
    {
        string[] tries = ["", "a", "1", "a!", "!a", "a b", "ada-Lovelace_1.x", "ad\u00e4", "a\n", new('a', 64), new('a', 65), new('1', 18), new('1', 19)];
        foreach (var (call, field, schema) in Fields())
        {
            if (schema["pattern"]?.GetValue<string>() is { } pattern)
            {
                Assert.That(pattern, Does.StartWith("^").And.EndsWith("$"), field);
                foreach (var text in tries)
                {
                    await (Matches(text, pattern) ? ShouldBeValidAsync(call, body => body[field] = text, field) : ShouldBeInvalidAsync(call, body => body[field] = text, field));
                }
            }
        }

        foreach (var (call, parameter) in QueryParameters().Where(found => found.Parameter["schema"]!["pattern"] is not null))
        {
            var pattern = parameter["schema"]!["pattern"]!.GetValue<string>();
            foreach (var text in tries.Where(text => text is not ""))
            {
                await ShouldAnswerAsync(call, parameter, text, Matches(text, pattern));
            }
        }
    }

    [Test]
    public async Task A_parameter_has_the_documented_values()
    {
        foreach (var (call, parameter) in QueryParameters())
        {
            var schema = parameter["schema"]!;
            foreach (var value in schema["enum"]?.AsArray() ?? [])
            {
                await ShouldAnswerAsync(call, parameter, value!.GetValue<string>(), isValid: true);
                await ShouldAnswerAsync(call, parameter, value.GetValue<string>() + "x", isValid: false);
            }

            if (schema["minimum"] is not null)
            {
                var (min, max) = (schema["minimum"]!.GetValue<int>(), schema["maximum"]!.GetValue<int>());
                foreach (var value in new[] { min - 1, min, max, max + 1 })
                {
                    await ShouldAnswerAsync(call, parameter, $"{value}", value >= min && value <= max);
                }
            }
        }
    }

    [Test]
    public async Task Unknown_fields_are_ignored()
    {
        foreach (var call in Bodies())
        {
            await ShouldBeValidAsync(call, body => body["unknown"] = "x", "unknown");
        }

        Assert.That(
            _document["components"]!["schemas"]!.AsObject().Where(schema => schema.Value!["additionalProperties"] is JsonValue).Select(schema => schema.Key),
            Is.Empty,
            "closed, though answers may grow");
    }

    private IEnumerable<(Call Call, string Field, JsonNode Schema)> Fields() =>
        Bodies().SelectMany(call => call.Schema["properties"]!.AsObject().Select(property => (call, property.Key, property.Value!)));

    private IEnumerable<Call> Bodies() => Calls().Where(call => call.Operation["requestBody"] is not null);

    private IEnumerable<(Call Call, JsonNode Parameter)> QueryParameters() => Calls()
        .SelectMany(call => call.Operation["parameters"]?.AsArray().Select(parameter => (call, parameter!)) ?? [])
        .Where(found => found.Item2["in"]!.GetValue<string>() == "query");

    private IEnumerable<Call> Calls() => _document["paths"]!.AsObject().SelectMany(path => path.Value!.AsObject().Select(method =>
    {
        var reference = method.Value!["requestBody"]?["content"]!["application/json"]!["schema"]!["$ref"]!.GetValue<string>();
        var schema = reference is null ? new JsonObject() : _document["components"]!["schemas"]![reference[(reference.LastIndexOf('/') + 1)..]]!;
        return new Call(new HttpMethod(method.Key.ToUpperInvariant()), path.Key, method.Value, schema);
    }));

    // A login by user name has no address beside it.
    private static void Set(JsonObject body, string field, string value)
    {
        body[field] = value;
        if (field is "userName" && body.ContainsKey("transport"))
        {
            body.Remove("email");
        }
    }

    private static bool Matches(string text, string pattern) => Regex.IsMatch(text, pattern, RegexOptions.ECMAScript) && !text.EndsWith('\n');

    private async Task ShouldBeValidAsync(Call call, Action<JsonObject> change, string field)
    {
        using var response = await SendAsync(call, change);
        var text = await response.Content.ReadAsStringAsync();
        var errors = response.StatusCode == HttpStatusCode.BadRequest ? JsonNode.Parse(text)!["errors"]?[field] : null;

        // A password that is long enough may still be easy to guess, which no schema can say.
        Assert.That(errors?.ToJsonString(), Is.Null.Or.Contains("easy to guess"), $"{call.Path} {field}");
        Assert.That((int)response.StatusCode, Is.LessThan(500).And.Not.EqualTo(415), text);
    }

    private async Task ShouldBeInvalidAsync(Call call, Action<JsonObject> change, string field)
    {
        using var response = await SendAsync(call, change);
        var problem = await response.ShouldBeProblemAsync(HttpStatusCode.BadRequest, "validation_failed");
        Assert.That(problem["errors"]!.AsObject().Select(error => error.Key), Contains.Item(field), call.Path);
    }

    private async Task ShouldAnswerAsync(Call call, JsonNode parameter, string value, bool isValid)
    {
        var name = parameter["name"]!.GetValue<string>();
        using var browser = call.Path.StartsWith("/admin/", StringComparison.Ordinal)
            ? (await _application.NewAdministratorAsync($"caller{++_accounts}@example.com")).Browser
            : await NewBrowserAsync();
        using var response = await browser.SendAsync(call.Method, $"{call.Path}?{name}={Uri.EscapeDataString(value)}");
        Assert.That((int)response.StatusCode, Is.EqualTo(isValid ? 200 : 400), $"{call.Path} {name}={value}");
    }

    private Task<HttpResponseMessage> SendAsync(Call call, Action<JsonObject> change)
    {
        var body = call.Schema["example"]!.DeepClone().AsObject();
        if (call.Path is "/register/")
        {
            body["email"] = $"probe{++_accounts}@example.com";
            body["userName"] = $"probe{_accounts}";
        }

        change(body);
        return SendAsync(call, body);
    }

    private async Task<HttpResponseMessage> SendAsync(Call call, JsonObject? body)
    {
        using var browser = await NewBrowserAsync();
        return await browser.SendAsync(
            call.Method, call.Path, body is null ? null : new StringContent(body.ToJsonString(), System.Text.Encoding.UTF8, "application/json"));
    }

    // Somebody new each time: failures lock an account, and some calls end the session.
    private Task<Browser> NewBrowserAsync() => _application.NewLoggedInBrowserAsync($"caller{++_accounts}@example.com");

    private sealed record Call(HttpMethod Method, string Path, JsonNode Operation, JsonNode Schema);
}
