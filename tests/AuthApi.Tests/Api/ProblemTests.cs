using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json.Nodes;
using AuthApi.Api;
using AuthApi.Sessions;
using AuthApi.Tests.Harness;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Moq;

namespace AuthApi.Tests.Api;

/// <summary>Bad input: a clear 4xx problem, never a 5xx, and nothing changed.</summary>
[TestFixture(TestedStore.Sqlite)]
[TestFixture(TestedStore.PostgreSql)]
internal sealed class ProblemTests(TestedStore database)
{
    private AuthApiApplication _application = null!;
    private Browser _browser = null!;

    [OneTimeSetUp]
    public async Task SetUp()
    {
        // A real socket: limits of size are the server's.
        _application = new AuthApiApplication(kestrel: true, store: database);
        _browser = await _application.NewLoggedInBrowserAsync();
    }

    [OneTimeTearDown]
    public async Task TearDown()
    {
        Assert.That(await _browser.MeAsync(), Is.EqualTo(HttpStatusCode.OK), "no bad request touched the session");
        Assert.That(await _application.StoredSessionsAsync(), Has.Count.EqualTo(1));
        _browser.Dispose();
        await _application.DisposeAsync();
    }

    [Test]
    public async Task An_unhandled_exception_is_a_500_that_reveals_nothing()
    {
        var store = new Mock<IUserSessionStore>();
        store.Setup(failing => failing.FindAsync(It.IsAny<TokenHash>())).ThrowsAsync(new InvalidOperationException("secret detail"));
        await using var application = new AuthApiApplication(services => services.Replace(ServiceDescriptor.Singleton(store.Object)), store: database);
        using var browser = application.NewBrowser();
        browser.Cookies["__Host-session"] = SessionToken.Create().Reveal();

        using var response = await browser.GetAsync("/me/");

        var problem = await response.ShouldBeProblemAsync(HttpStatusCode.InternalServerError, "internal_error");
        Assert.That(problem.ToJsonString(), Does.Not.Contain("secret detail"));
    }

    [Test]
    public async Task A_body_that_is_not_a_JSON_object_is_refused(
        [Values("/login/", "/register/")] string path,
        [Values("", "null", "[]", "5", "\"text\"", "{bad", "{\"password\"}", "not json at all", "{}x")] string body)
    {
        using var response = await _browser.PostTextAsync(path, body);

        await response.ShouldBeProblemAsync(HttpStatusCode.BadRequest, "malformed_json");
    }

    [TestCase("""{"email":"ada@example.com","password":""", "password")]
    [TestCase("""{"email":5,"password":"x"}""", "email")]
    [TestCase("""{"email":{"a":1},"password":"x"}""", "email")]
    [TestCase("""{"email":"a","password":"x","rememberMe":"yes"}""", "rememberMe")]
    [TestCase("""{"email":"a","password":"x","rememberMe":1}""", "rememberMe")]
    [TestCase("""{"email":"a","password":"x","transport":"pigeon"}""", "transport")]
    [TestCase("""{"email":"a","password":"x","transport":0}""", "transport")]
    [TestCase("""{"email":"a","password":"x","transport":"0"}""", "transport")]
    [TestCase("""{"email":"a","password":"x","transport":"cookie, header"}""", "transport")]
    [TestCase("""{"email":"a","email":"b","password":"x"}""", "email", Description = "a key that comes twice")]
    [TestCase("""{"email":"a\ud800","password":"x"}""", "email", Description = "half a surrogate pair")]
    [TestCase("""{"email":"a","password":null}""", "password")]
    [TestCase("""{"email":"a"}""", "password")]
    public async Task An_invalid_field_is_named(string body, string field)
    {
        using var response = await _browser.PostTextAsync("/login/", body);

        await response.ShouldBeInvalidAsync(field);
    }

    [TestCase("pigeon")]
    [TestCase("cookie, header")]
    public async Task A_wrong_enum_value_is_answered_with_the_right_ones(string transport)
    {
        using var response = await _browser.PostAsync("/login/", new { email = "a", password = "x", transport });

        var problem = await response.ShouldBeProblemAsync(HttpStatusCode.BadRequest, "validation_failed");
        Assert.That(problem["errors"]!["transport"]![0]!.GetValue<string>(), Is.EqualTo("This must be cookie or header."));
    }

    [TestCase("""{"transport":"Header"}""", "header")]
    [TestCase("""{"transport":"HEADER"}""", "header")]
    [TestCase("""{"transport":"Cookie","userName":null,"rememberMe":null}""", "cookie")]
    [TestCase("""{"transport":null,"userName":"","rememberMe":null}""", "cookie")]
    public async Task Enums_are_read_in_any_case_and_null_as_left_out(string optional, string transport)
    {
        await using var application = new AuthApiApplication(store: database);
        using var browser = application.NewBrowser();
        var body = JsonNode.Parse(optional)!.AsObject();
        body["email"] = "ada@example.com";
        body["password"] = Browser.Password;

        using var registered = await browser.PostTextAsync("/register/", body.ToJsonString());
        using var loggedIn = await browser.PostTextAsync("/login/", body.ToJsonString());

        Assert.That(registered.StatusCode, Is.EqualTo(HttpStatusCode.Created));
        Assert.That(loggedIn.StatusCode, Is.EqualTo(HttpStatusCode.OK));
        Assert.That((await loggedIn.JsonAsync())["session"]!["transport"]!.GetValue<string>(), Is.EqualTo(transport));
    }

    [Test]
    public async Task An_empty_login_names_every_field_it_lacks()
    {
        using var response = await _browser.PostTextAsync("/login/", "{}");

        await response.ShouldBeInvalidAsync("email", "password");
    }

    [TestCase("abc")]
    [TestCase("")]
    [TestCase("1.5")]
    [TestCase("99999999999")]
    [TestCase("0")]
    public async Task A_wrong_limit_is_answered_with_its_range(string limit)
    {
        using var response = await _browser.GetAsync($"/me/activity/?limit={limit}");

        var problem = await response.ShouldBeProblemAsync(HttpStatusCode.BadRequest, "validation_failed");
        Assert.That(problem["errors"]!["limit"]![0]!.GetValue<string>(), Is.EqualTo("This must be between 1 and 100."));
    }

    [Test]
    public async Task Times_have_three_digits_and_a_Z()
    {
        await using var application = new AuthApiApplication(store: database);
        application.Time.Advance(TimeSpan.FromTicks(12_340_000));
        using var browser = await application.NewLoggedInBrowserAsync();

        var session = (await (await browser.GetAsync("/me/")).JsonAsync())["session"]!;
        var activity = (await (await browser.GetAsync("/me/activity/")).JsonAsync())["items"]![0]!;

        foreach (var time in new[] { session["createdAt"], session["lastSeenAt"], session["expiresAt"], activity["at"] })
        {
            Assert.That(time!.GetValue<string>(), Does.Match(@"^2026-03-01T1\d:\d\d:\d\d\.\d{3}Z$"));
        }
    }

    [Test]
    public async Task Bytes_that_are_not_UTF_8_are_refused()
    {
        using var content = new ByteArrayContent([.. "{\"email\":\""u8, 0xFF, 0xFE, .. "\",\"password\":\"x\"}"u8]);
        content.Headers.ContentType = new MediaTypeHeaderValue("application/json");

        using var response = await _browser.SendAsync(HttpMethod.Post, "/login/", content);

        Assert.That(response.StatusCode, Is.EqualTo(HttpStatusCode.BadRequest).Or.EqualTo(HttpStatusCode.Unauthorized));
    }

    // RFC 8259, 11: the type has no such parameter, and adding one has no effect.
    [TestCase("utf-8")]
    [TestCase("UTF-8")]
    [TestCase("utf8")]
    [TestCase("\"utf-8\"")]
    [TestCase("iso-8859-1")]
    [TestCase("utf-16")]
    [TestCase("nonsense")]
    public async Task A_charset_beside_JSON_has_no_effect(string charset)
    {
        using var content = new StringContent("""{"email":"nobody@example.com","password":"x"}""");
        content.Headers.Remove("Content-Type");
        content.Headers.TryAddWithoutValidation("Content-Type", $"application/json; charset={charset}");

        using var response = await _browser.SendAsync(HttpMethod.Post, "/login/", content);

        await response.ShouldBeProblemAsync(HttpStatusCode.Unauthorized, "invalid_credentials");
    }

    [TestCase("utf-16", "malformed_json")]
    [TestCase("iso-8859-1", "validation_failed")]
    public async Task JSON_in_another_encoding_is_refused(string charset, string code)
    {
        using var content = new ByteArrayContent(Encoding.GetEncoding(charset).GetBytes("""{"email":"zoë@example.com","password":"x"}"""));
        content.Headers.ContentType = new MediaTypeHeaderValue("application/json", charset);

        using var response = await _browser.SendAsync(HttpMethod.Post, "/login/", content);

        await response.ShouldBeProblemAsync(HttpStatusCode.BadRequest, code);
    }

    [Test]
    public async Task Deeply_nested_JSON_is_refused()
    {
        using var response = await _browser.PostTextAsync(
            "/login/", "{\"email\":" + string.Concat(Enumerable.Repeat("[", 100)) + string.Concat(Enumerable.Repeat("]", 100)) + "}");

        Assert.That(response.StatusCode, Is.EqualTo(HttpStatusCode.BadRequest));
    }

    [TestCase("nul\0@example.com")]
    [TestCase("ada@example.com\u0000")]
    [TestCase("‮ada@example.com")]
    [TestCase("😀@example.com")]
    public async Task Odd_characters_in_a_login_match_no_user(string email)
    {
        using var response = await _browser.PostAsync("/login/", new { email, password = "x\0\u0001" });

        await response.ShouldBeProblemAsync(HttpStatusCode.Unauthorized, "invalid_credentials");
    }

    [TestCase("text/plain")]
    [TestCase("application/xml")]
    [TestCase("application/x-www-form-urlencoded")]
    [TestCase("multipart/form-data")]
    [TestCase("text/json")]
    [TestCase("application/vnd.api+json")]
    [TestCase("application/problem+json")]
    [TestCase("application/*")]
    public async Task Any_type_but_application_json_is_unsupported(string contentType)
    {
        using var response = await _browser.PostTextAsync("/login/", """{"email":"ada@example.com","password":"x"}""", contentType);

        await response.ShouldBeProblemAsync(HttpStatusCode.UnsupportedMediaType, "unsupported_media_type");
    }

    [Test]
    public async Task A_body_without_a_type_is_unsupported()
    {
        using var content = new ByteArrayContent("{}"u8.ToArray());

        using var response = await _browser.SendAsync(HttpMethod.Post, "/login/", content);

        await response.ShouldBeProblemAsync(HttpStatusCode.UnsupportedMediaType, "unsupported_media_type");
    }

    [TestCase(false)]
    [TestCase(true)]
    public async Task A_body_of_more_than_16_KB_is_too_large(bool chunked)
    {
        var body = $$"""{"email":"ada@example.com","password":"{{new string('x', 16 * 1024)}}"}""";

        using var response = await _browser.SendAsync(
            HttpMethod.Post, "/login/", new StringContent(body, Encoding.UTF8, "application/json"),
            request => request.Headers.TransferEncodingChunked = chunked);

        await response.ShouldBeProblemAsync(HttpStatusCode.RequestEntityTooLarge, "payload_too_large");
    }

    [Test]
    public async Task A_logouts_body_is_ignored_at_any_size()
    {
        using var other = _application.NewBrowser();
        await other.LogInAsync();

        using var response = await other.PostTextAsync("/logout/", new string('x', 20_000), "text/plain");

        Assert.That(response.StatusCode, Is.EqualTo(HttpStatusCode.OK));
    }

    [TestCase("/nowhere")]
    [TestCase("/logout//")]
    [TestCase("/logout%2f")]
    [TestCase("/logout/x")]
    public async Task An_unknown_path_is_not_found_for_any_Accept_header(string path)
    {
        using var response = await _browser.SendAsync(
            HttpMethod.Post, path, change: request => request.Headers.Accept.ParseAdd("text/html"));

        await response.ShouldBeProblemAsync(HttpStatusCode.NotFound, "not_found");
    }

    [TestCase("/me/")]
    [TestCase("/sessions/")]
    [TestCase("/me/activity/?limit=1")]
    [TestCase("/health/live")]
    [TestCase("/swagger/")]
    [TestCase("/swagger/v1/swagger.json")]
    [TestCase("/me/activity/?limit=0")]
    [TestCase("/nowhere/")]
    public async Task Head_is_answered_as_get_without_the_body(string path)
    {
        using var get = await _browser.GetAsync(path);
        using var head = await _browser.SendAsync(HttpMethod.Head, path);

        Assert.That(head.StatusCode, Is.EqualTo(get.StatusCode));
        Assert.That(head.Content.Headers.ContentType, Is.EqualTo(get.Content.Headers.ContentType));
        Assert.That(await head.Content.ReadAsByteArrayAsync(), Is.Empty);
    }

    [TestCase("POST", "/me/", "DELETE, GET, HEAD, PATCH")]
    [TestCase("GET", "/login/", "POST")]
    [TestCase("DELETE", "/register/", "POST")]
    public async Task A_method_that_a_path_does_not_serve_is_not_allowed(string method, string path, string allowed)
    {
        using var response = await _browser.SendAsync(new HttpMethod(method), path);

        await response.ShouldBeProblemAsync(HttpStatusCode.MethodNotAllowed, "method_not_allowed");
        Assert.That(response.Content.Headers.Allow, Is.EqualTo(allowed.Split(", ")));
        Assert.That((await response.JsonAsync())["title"]!.GetValue<string>(), Does.EndWith($"it takes {allowed}."));
    }

    [Test]
    public async Task A_cookie_header_of_20_KB_is_too_large()
    {
        using var response = await _browser.SendAsync(
            HttpMethod.Get, "/me/", change: request => request.Headers.TryAddWithoutValidation("Cookie", "session=" + new string('x', 20_480)));

        await response.ShouldBeProblemAsync(HttpStatusCode.RequestHeaderFieldsTooLarge, "headers_too_large");
    }

    [Test]
    public void A_503_without_a_known_cause_does_not_blame_the_store() =>
        Assert.That(ApiProblem.ForStatus(503).Code, Is.EqualTo("service_unavailable"));

    [Test]
    public async Task No_header_turns_a_GET_into_a_logout()
    {
        using var response = await _browser.SendAsync(
            HttpMethod.Get, "/logout/?_method=POST", change: request => request.Headers.Add("X-HTTP-Method-Override", "POST"));

        await response.ShouldBeProblemAsync(HttpStatusCode.MethodNotAllowed, "method_not_allowed");
    }

    [TestCase("utf-16")]
    [TestCase("utf-16, *;q=0")]
    [TestCase("iso-8859-1")]
    public async Task An_answer_is_UTF_8_for_any_Accept_Charset(string charset)
    {
        using var response = await _browser.SendAsync(
            HttpMethod.Get, "/me/", change: request => request.Headers.TryAddWithoutValidation("Accept-Charset", charset));

        Assert.That(response.Content.Headers.ContentType?.ToString(), Is.EqualTo("application/json; charset=utf-8"));
        Assert.That((await response.Content.ReadAsByteArrayAsync())[..2], Is.EqualTo("{\""u8.ToArray()));
    }

    [Test]
    public async Task No_response_names_the_server()
    {
        using var response = await _browser.GetAsync("/me/");

        Assert.That(response.Headers.Server, Is.Empty);
    }
}
