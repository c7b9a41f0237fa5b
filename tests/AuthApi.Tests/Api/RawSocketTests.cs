using System.Net;
using System.Text;
using System.Text.Json.Nodes;
using AuthApi.Sessions;
using AuthApi.Tests.Harness;

namespace AuthApi.Tests.Api;

/// <summary>
/// What no client library would send, byte by byte to the program as a process of its own. Behind whatever must end its connection stands a
/// logout of the canary's session: were it taken for a request, the canary would be dead.
/// </summary>
[CancelAfter(60_000)]
internal sealed class RawSocketTests
{
    private const string Host = "Host: 127.0.0.1\r\n";
    private const string Json = "Content-Type: application/json\r\n";
    private const string Chunked = "Transfer-Encoding: chunked\r\n";

    private TemporaryFolder _folder = null!;
    private RunningProgram _program = null!;
    private Browser _canary = null!;
    private Browser _headerCanary = null!;
    private RawConnection _connection = null!;

    private string CanaryCookie => $"Cookie: session={_canary.Token}\r\n";

    private string SmuggledLogout => $"POST /logout/ HTTP/1.1\r\n{Host}{CanaryCookie}Content-Length: 0\r\n\r\n";

    private string Me => $"GET /me/ HTTP/1.1\r\n{Host}{CanaryCookie}\r\n";

    [OneTimeSetUp]
    public async Task StartTheProgram()
    {
        _folder = new TemporaryFolder();
        _program = await RunningProgram.StartAsync(_folder.Path, "--RateLimiting:Enabled=false");
        _canary = _program.NewBrowser();
        await _canary.RegisterAsync();
        await _canary.LogInAsync();
        _headerCanary = _program.NewBrowser(SessionTransport.Header);
        await _headerCanary.LogInAsync();
    }

    [OneTimeTearDown]
    public async Task EndTheProgram()
    {
        _canary.Dispose();
        _headerCanary.Dispose();
        await _program.DisposeAsync();
        _folder.Dispose();
    }

    [SetUp]
    public async Task Connect() => _connection = await RawConnection.OpenAsync(_program.Address);

    [TearDown]
    public async Task TheCanariesLive()
    {
        _connection.Dispose();
        Assert.That(await _canary.MeAsync(), Is.EqualTo(HttpStatusCode.OK));
        Assert.That(await _headerCanary.MeAsync(), Is.EqualTo(HttpStatusCode.OK));
    }

    // --- Where does a request end

    [TestCase("2;\nxx\r\n{}\r\n0\r\n\r\n", Description = "an extension that ends in a bare line feed (CVE-2025-55315)")]
    [TestCase("2;a\rb\r\n{}\r\n0\r\n\r\n", Description = "a bare carriage return in an extension")]
    [TestCase("2\n{}\n0\n\n", Description = "bare line feeds")]
    [TestCase("2\r\n{}xx0\r\n\r\n", Description = "more than its size says")]
    [TestCase("ZZ\r\n{}\r\n0\r\n\r\n")]
    [TestCase("-2\r\n{}\r\n0\r\n\r\n")]
    [TestCase("0x2\r\n{}\r\n0\r\n\r\n")]
    [TestCase("FFFFFFFFFFFFFFFF\r\n{}\r\n0\r\n\r\n", Description = "larger than any can be")]
    [TestCase("2\r\n{}\r\n0\r\nX: a\0b\r\n\r\n", Description = "a trailer that is no text")]
    public async Task A_broken_chunk_is_refused_and_nothing_after_it_is_served(string chunks)
    {
        await _connection.SendAsync($"POST /login/ HTTP/1.1\r\n{Host}{Json}{Chunked}\r\n{chunks}{SmuggledLogout}");

        (await AnswerAsync()).ShouldBeProblem(400, "bad_request");
        await ShouldBeClosedAsync();
    }

    [Test]
    public async Task Nothing_after_a_broken_chunk_of_an_ignored_body_is_served()
    {
        await _connection.SendAsync($"GET /me/ HTTP/1.1\r\n{Host}{CanaryCookie}{Chunked}\r\n2;\nxx\r\n{{}}\r\n0\r\n\r\n{SmuggledLogout}");

        Assert.That((await AnswerAsync()).Status, Is.EqualTo(200));
        await ShouldBeClosedAsync();
    }

    [TestCase("1.1", "Content-Length: 6\r\nTransfer-Encoding: chunked\r\n", Description = "CL.TE")]
    [TestCase("1.1", "Transfer-Encoding: chunked\r\nContent-Length: 6\r\n", Description = "TE.CL")]
    [TestCase("1.1", "Transfer-Encoding: identity, chunked\r\n")]
    [TestCase("1.1", "Transfer-Encoding: gzip, chunked\r\n")]
    [TestCase("1.1", "Transfer-Encoding: chunked, chunked\r\n")]
    [TestCase("1.1", "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n")]
    [TestCase("1.0", "Connection: keep-alive\r\nTransfer-Encoding: chunked\r\n")]
    public async Task A_body_with_two_possible_ends_is_refused(string version, string headers)
    {
        await _connection.SendAsync($"GET /me/ HTTP/{version}\r\n{Host}{CanaryCookie}{headers}\r\n0\r\n\r\n{SmuggledLogout}");

        (await AnswerAsync()).ShouldBeProblem(400, "bad_request");
        await ShouldBeClosedAsync();
    }

    [TestCase("Content-Length: 2\r\nContent-Length: 3\r\n")]
    [TestCase("Content-Length: 2\r\nContent-Length: 2\r\n")]
    [TestCase("Content-Length: 2, 2\r\n")]
    [TestCase("Content-Length: -1\r\n")]
    [TestCase("Content-Length: 0x2\r\n")]
    [TestCase("Content-Length:\r\n")]
    [TestCase("Content-Length: 99999999999999999999999\r\n")]
    [TestCase("Transfer-Encoding: chunked, identity\r\n")]
    [TestCase("Transfer-Encoding: identity\r\n")]
    [TestCase("Transfer-Encoding: xchunked\r\n")]
    [TestCase("Transfer-Encoding: chunked;q=1\r\n")]
    [TestCase("Transfer-Encoding: \"chunked\"\r\n")]
    [TestCase("Transfer-Encoding: chunked\u000b\r\n")]
    [TestCase("Transfer-Encoding:\r\n chunked\r\n", Description = "folded")]
    [TestCase("Transfer-Encoding : chunked\r\n", Description = "a space before the colon")]
    [TestCase("Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n")]
    [TestCase(" Content-Length: 2\r\n", Description = "a space before the first header")]
    public async Task A_body_without_a_stated_end_is_refused_by_the_server(string headers)
    {
        await _connection.SendAsync($"POST /login/ HTTP/1.1\r\n{headers}{Host}{Json}\r\n{{}}{SmuggledLogout}");

        (await AnswerAsync()).ShouldBeTheServersOwn(400);
        await ShouldBeClosedAsync();
    }

    [Test]
    public async Task A_logout_and_a_call_in_one_segment_are_served_in_order()
    {
        using var browser = _program.NewBrowser(SessionTransport.Header);
        await browser.LogInAsync();
        var token = $"Authorization: Session {browser.Token}\r\n";

        await _connection.SendAsync($"POST /logout/ HTTP/1.1\r\n{Host}{token}Content-Length: 0\r\n\r\nGET /me/ HTTP/1.1\r\n{Host}{token}\r\n");

        var logout = await AnswerAsync();
        Assert.That((logout.Status, logout.Text), Is.EqualTo((200, "{\"message\":\"Logout successful. User id: 1\"}")));
        (await AnswerAsync()).ShouldBeProblem(401, "not_authenticated");
    }

    [Test]
    public async Task Bytes_after_the_stated_length_are_a_bad_request()
    {
        await _connection.SendAsync($"POST /login/ HTTP/1.1\r\n{Host}{Json}Content-Length: 2\r\n\r\n{{}}GARBAGE\r\n\r\n");

        (await AnswerAsync()).ShouldBeProblem(400, "validation_failed");
        (await AnswerAsync()).ShouldBeTheServersOwn(400);
        await ShouldBeClosedAsync();
    }

    [TestCase("Content-Length: 20\r\n\r\n{}")]
    [TestCase("Transfer-Encoding: chunked\r\n\r\n14\r\n{}")]
    public async Task A_truncated_body_is_not_served(string rest)
    {
        await _connection.SendAsync($"POST /register/ HTTP/1.1\r\n{Host}{Json}{rest}");
        _connection.HalfClose();

        // A client that has closed its sending side counts as gone.
        await ShouldBeClosedAsync();
    }

    [Test]
    public async Task A_body_may_arrive_byte_by_byte()
    {
        await _connection.SendAsync($"POST /login/ HTTP/1.1\r\n{Host}{Json}Content-Length: 12\r\n\r\n");
        foreach (var character in "{\"email\":\"\"}")
        {
            await _connection.SendAsync(character.ToString());
        }

        (await AnswerAsync()).ShouldBeProblem(400, "validation_failed");
        await _connection.SendAsync(Me);
        Assert.That((await AnswerAsync()).Status, Is.EqualTo(200), "and the connection goes on");
    }

    [Test]
    public async Task Expect_100_continue_is_answered_with_100()
    {
        await _connection.SendAsync($"POST /login/ HTTP/1.1\r\n{Host}{Json}Expect: 100-continue\r\nContent-Length: 2\r\n\r\n");
        Assert.That(await _connection.ReadHeadAsync(), Is.EqualTo("HTTP/1.1 100 Continue"));
        await _connection.SendAsync("{}");

        (await AnswerAsync()).ShouldBeProblem(400, "validation_failed");
    }

    [TestCase("/login/", 413, "payload_too_large")]
    [TestCase("/reauthenticate/", 401, "not_authenticated")]
    public async Task Expect_100_continue_in_vain_is_refused_at_once(string path, int status, string code)
    {
        await _connection.SendAsync($"POST {path} HTTP/1.1\r\n{Host}{Json}Expect: 100-continue\r\nContent-Length: 20000\r\n\r\n");

        (await AnswerAsync()).ShouldBeProblem(status, code);
        await ShouldBeClosedAsync();
    }

    // --- Too much

    [TestCase("Cookie: a=")]
    [TestCase("Authorization: Session ")]
    public async Task A_credential_of_20_KB_is_answered_431(string header)
    {
        await _connection.SendAsync($"GET /me/ HTTP/1.1\r\n{Host}{header}{new string('x', 20 * 1024)}\r\n\r\n");

        (await AnswerAsync()).ShouldBeProblem(431, "headers_too_large");
    }

    [Test]
    public async Task Headers_of_more_than_32_KB_are_refused_by_the_server()
    {
        await _connection.SendAsync($"GET /me/ HTTP/1.1\r\n{Host}Cookie: a={new string('x', 33 * 1024)}\r\n\r\n");

        (await AnswerAsync()).ShouldBeTheServersOwn(431);
        await ShouldBeClosedAsync();
    }

    [Test]
    public async Task A_hundred_headers_are_served_and_one_more_is_not()
    {
        var headers = string.Concat(Enumerable.Range(0, 98).Select(i => $"X-{i}: 1\r\n"));

        await _connection.SendAsync($"GET /me/ HTTP/1.1\r\n{Host}{CanaryCookie}{headers}\r\n");
        Assert.That((await AnswerAsync()).Status, Is.EqualTo(200));

        await _connection.SendAsync($"GET /me/ HTTP/1.1\r\n{Host}{CanaryCookie}{headers}X-A: 1\r\n\r\n");
        (await AnswerAsync()).ShouldBeTheServersOwn(431);
        await ShouldBeClosedAsync();
    }

    [TestCase("/")]
    [TestCase("/me/?")]
    public async Task A_request_target_of_9_KB_is_refused_by_the_server(string path)
    {
        await _connection.SendAsync($"GET {path}{new string('a', 9 * 1024)} HTTP/1.1\r\n{Host}\r\n");

        (await AnswerAsync()).ShouldBeTheServersOwn(414);
        await ShouldBeClosedAsync();
    }

    // --- Other protocols, and none

    [Test]
    public async Task HTTP_1_0_is_served_and_its_connection_closes()
    {
        await _connection.SendAsync($"GET /me/ HTTP/1.0\r\n{CanaryCookie}\r\n");

        var answer = await AnswerAsync();
        Assert.That(answer.Status, Is.EqualTo(200));
        Assert.That(answer.Header("Cache-Control"), Is.EqualTo("no-store"));
        Assert.That(answer.Header("Transfer-Encoding"), Is.Null);
        await ShouldBeClosedAsync();
    }

    [TestCase("GET /me/\r\n\r\n", 400, Description = "HTTP/0.9")]
    [TestCase("GET /me/ HTTP/1.2\r\n\r\n", 505)]
    [TestCase("GET /me/ HTTP/2.0\r\n\r\n", 505)]
    [TestCase("GET /me/ HTTP/11\r\n\r\n", 505)]
    [TestCase("GET  /me/ HTTP/1.1\r\n\r\n", 400)]
    [TestCase("POST /login/ HTTP/1.0\r\n\r\n{}", 400, Description = "a body without a length")]
    [TestCase("\u00e9\u00ff\u0080\u0081 garbage \u0001\u0002\r\n\r\n", 400)]
    [TestCase("\u0016\u0003\u0001\u0000\u00c8\u0001\u0000\u0000\u00c4\u0003\u0003\u0011\u0011\u0011\u0011\u0011\u0011\u0011\r\n\r\n", 400, Description = "a TLS client's hello")]
    public async Task What_is_not_HTTP_1_is_refused_by_the_server(string bytes, int status)
    {
        await _connection.SendAsync(bytes + SmuggledLogout);

        (await AnswerAsync()).ShouldBeTheServersOwn(status);
        await ShouldBeClosedAsync();
    }

    [Test]
    public async Task HTTP_2_without_TLS_is_refused()
    {
        await _connection.SendAsync("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");

        // A GOAWAY frame whose error is HTTP_1_1_REQUIRED.
        var frame = await _connection.ReadToEndAsync();
        Assert.That((frame[3], frame[^1]), Is.EqualTo(((byte)7, (byte)0xD)));
    }

    // --- Hosts

    [TestCase("")]
    [TestCase("Host: a\r\nHost: a\r\n")]
    [TestCase("Host: a\r\nHost: b\r\n")]
    [TestCase("Host: a b\r\n")]
    [TestCase("Host: a/b\r\n")]
    [TestCase("Host: user@a\r\n")]
    [TestCase("Host: a,b\r\n")]
    [TestCase("Host: a:b\r\n")]
    [TestCase("Host: [::1\r\n")]
    [TestCase("Host: \u00e9\r\n")]
    public async Task A_missing_doubled_or_broken_Host_is_refused(string host)
    {
        await _connection.SendAsync($"GET /me/ HTTP/1.1\r\n{host}{CanaryCookie}\r\n{SmuggledLogout}");

        (await AnswerAsync()).ShouldBeTheServersOwn(400);
        await ShouldBeClosedAsync();
    }

    [Test]
    public async Task An_absolute_target_that_names_the_host_is_served()
    {
        await _connection.SendAsync($"GET http://127.0.0.1/me/ HTTP/1.1\r\n{Host}{CanaryCookie}\r\n");
        Assert.That((await AnswerAsync()).Status, Is.EqualTo(200));

        await _connection.SendAsync($"GET http://evil.example/me/ HTTP/1.1\r\n{Host}{CanaryCookie}\r\n");
        (await AnswerAsync()).ShouldBeTheServersOwn(400);
        await ShouldBeClosedAsync();
    }

    // --- Credentials

    [TestCase("Authorization: Session\r\n")]
    [TestCase("Authorization: Session \r\n")]
    [TestCase("Authorization: Session\tTOKEN\r\n")]
    [TestCase("Authorization: Session TOKEN,\r\n")]
    [TestCase("Authorization: Session TOKEN, Session TOKEN\r\n")]
    [TestCase("Authorization: Session TOKEN\r\nAuthorization: Session TOKEN\r\n")]
    [TestCase("Authorization: Session \"TOKEN\"\r\n")]
    [TestCase("Authorization: Sessions TOKEN\r\n")]
    [TestCase("Authorization: Basic YTpi\r\n")]
    [TestCase("Authorization: Bearer TOKEN\r\n")]
    [TestCase("Authorization: TOKEN\r\n")]
    [TestCase("Authorization:\r\n")]
    [TestCase("Cookie: ;;;=;\r\n")]
    [TestCase("Cookie: =\r\n")]
    [TestCase("Cookie: session\r\n")]
    [TestCase("Cookie: session=\r\n")]
    [TestCase("Cookie: session=TOKEN, session=TOKEN\r\n")]
    [TestCase("Cookie: session=\"TOKEN\"\r\n")]
    [TestCase("Cookie: session =TOKEN\r\n")]
    [TestCase("Cookie: session= TOKEN\r\n")]
    [TestCase("Cookie: SESSION=TOKEN\r\n")]
    [TestCase("Cookie: session=\tTOKEN\r\n")]
    public async Task An_odd_credential_is_no_session(string header)
    {
        await _connection.SendAsync($"GET /me/ HTTP/1.1\r\n{Host}{header.Replace("TOKEN", _headerCanary.Token, StringComparison.Ordinal)}\r\n");

        (await AnswerAsync()).ShouldBeProblem(401, "not_authenticated");
    }

    [Test]
    public async Task Two_session_cookies_that_differ_are_ambiguous()
    {
        await _connection.SendAsync($"GET /me/ HTTP/1.1\r\n{Host}Cookie: session={_canary.Token}; session=x\r\n\r\n");

        (await AnswerAsync()).ShouldBeProblem(401, "ambiguous_session");
    }

    [Test]
    public async Task A_token_of_4_KB_is_no_session()
    {
        await _connection.SendAsync($"GET /me/ HTTP/1.1\r\n{Host}Authorization: Session {new string('x', 4096)}\r\n\r\n");

        (await AnswerAsync()).ShouldBeProblem(401, "not_authenticated");
    }

    [TestCase("Authorization: session TOKEN\r\n", Description = "a scheme's name has no case (RFC 9110, 11.1)")]
    [TestCase("Authorization: Session  TOKEN\r\n", Description = "one space or more (RFC 9110, 11.4)")]
    [TestCase("authorization:Session TOKEN  \r\n", Description = "space around a value is none of it (RFC 9110, 5.5)")]
    [TestCase("Cookie: ; ;session=TOKEN;\r\n")]
    [TestCase("Cookie: a=b\r\nCookie: session=TOKEN\r\n")]
    public async Task An_allowed_spelling_of_a_credential_is_a_session(string header)
    {
        await _connection.SendAsync($"GET /me/ HTTP/1.1\r\n{Host}{header.Replace("TOKEN", _headerCanary.Token, StringComparison.Ordinal)}\r\n");

        Assert.That((await AnswerAsync()).Status, Is.EqualTo(200));
    }

    [TestCase("Authorization: Session \0\r\n")]
    [TestCase("X-A: a\0b\r\n")]
    [TestCase("X-A: a\rb\r\n")]
    [TestCase("X\0A: a\r\n")]
    [TestCase("no colon\r\n")]
    [TestCase(": no name\r\n")]
    public async Task A_header_that_is_not_text_is_refused_by_the_server(string header)
    {
        await _connection.SendAsync($"GET /me/ HTTP/1.1\r\n{Host}{CanaryCookie}{header}\r\n{SmuggledLogout}");

        (await AnswerAsync()).ShouldBeTheServersOwn(400);
        await ShouldBeClosedAsync();
    }

    // Obs-text is opaque (RFC 9110, 5.5): a cookie of a sibling site must not lock anybody out.
    [TestCase("Cookie: sibling=\u00e9\u00ff; session=TOKEN\r\n", 200)]
    [TestCase("Cookie: \u00e9=a; session=TOKEN\r\n", 200)]
    [TestCase("Cookie: session=TOKEN\r\nUser-Agent: \u00e9\u00ff\r\n", 200)]
    [TestCase("Cookie: session=TOKEN\r\nReferer: http://127.0.0.1/\u00e9\r\n", 200)]
    [TestCase("Cookie: session=TOKEN\r\nX-A: \u00c3\u00a9\u0080\u009f\r\n", 200)]
    [TestCase("Cookie: session=TOKEN\r\ntraceparent: \u00e9\r\nbaggage: \u00e9\r\n", 200)]
    [TestCase("Authorization: Session \u00e9\u00ff\r\n", 401)]
    [TestCase("Authorization: \u00e9\u00ff\r\n", 401)]
    [TestCase("Cookie: session=\u00e9\u00ff\r\n", 401)]
    [TestCase("Cookie: session=TOKEN\u00e9\r\n", 401)]
    public async Task Obs_text_in_any_header_is_opaque(string header, int status)
    {
        await _connection.SendAsync($"GET /me/ HTTP/1.1\r\n{Host}{header.Replace("TOKEN", _canary.Token, StringComparison.Ordinal)}\r\n{Me}");

        Assert.That((await AnswerAsync()).Status, Is.EqualTo(status));
        Assert.That((await AnswerAsync()).Status, Is.EqualTo(200), "and the connection goes on");
    }

    [Test]
    public async Task A_sibling_cookie_in_latin1_does_not_keep_one_signed_in()
    {
        using var browser = _program.NewBrowser();
        await browser.LogInAsync();

        await _connection.SendAsync($"POST /logout/ HTTP/1.1\r\n{Host}Cookie: sibling=caf\u00e9; session={browser.Token}\r\nContent-Length: 0\r\n\r\n");

        Assert.That((await AnswerAsync()).Status, Is.EqualTo(200));
        Assert.That(await browser.MeAsync(), Is.EqualTo(HttpStatusCode.Unauthorized));
    }

    [TestCase("M\u00c3\u00bcller/1.0", "M\u00fcller/1.0", Description = "UTF-8")]
    [TestCase("M\u00fcller/1.0", "M\ufffdller/1.0", Description = "Latin-1")]
    public async Task A_user_agent_is_shown_as_utf8(string sent, string shown)
    {
        var body = $"{{\"email\":\"ada@example.com\",\"password\":\"{Browser.Password}\",\"transport\":\"header\"}}";
        await _connection.SendAsync($"POST /login/ HTTP/1.1\r\n{Host}{Json}User-Agent: {sent}\r\nContent-Length: {body.Length}\r\n\r\n{body}");

        var answer = await AnswerAsync();
        Assert.That(JsonNode.Parse(answer.Text)!["session"]!["userAgent"]!.GetValue<string>(), Is.EqualTo(shown));
    }

    // --- Addresses

    [TestCase("//logout/")]
    [TestCase("/logout//")]
    [TestCase("/logout%2f")]
    [TestCase("/logout%2F/")]
    [TestCase("/logout%5c")]
    [TestCase("/logout/%20")]
    [TestCase("/logout;x/")]
    [TestCase("/logout/#x")]
    [TestCase("/%E2%80%8Blogout/")]
    [TestCase("/%c3%28")]
    [TestCase("/%ed%a0%80/")]
    [TestCase("/%")]
    [TestCase("/%zz")]
    [TestCase("/x/..%2flogout/")]
    public async Task A_path_that_only_looks_like_one_is_not_found(string path)
    {
        await _connection.SendAsync($"POST {path} HTTP/1.1\r\n{Host}{CanaryCookie}Content-Length: 0\r\n\r\n");

        (await AnswerAsync()).ShouldBeProblem(404, "not_found");
    }

    [TestCase("/logout")]
    [TestCase("/LOGOUT/")]
    [TestCase("/%6cogout/")]
    [TestCase("/logout/.")]
    [TestCase("/me/../logout/")]
    [TestCase("/%2e%2e/logout/")]
    [TestCase("/logout/?scope=%00")]
    public async Task Another_spelling_of_a_path_needs_a_session_too(string path)
    {
        await _connection.SendAsync($"POST {path} HTTP/1.1\r\n{Host}Content-Length: 0\r\n\r\n");

        (await AnswerAsync()).ShouldBeProblem(401, "not_authenticated");
    }

    [TestCase("/%00", 400)]
    [TestCase("/logout/%00", 400)]
    [TestCase("/log\0out/", 400)]
    [TestCase("/\u00e9", 400)]
    [TestCase("/logout?x=\u00e9", 400)]
    [TestCase("\\logout\\", 400)]
    [TestCase("/logout/ x", 400)]
    [TestCase("logout", 405)]
    [TestCase("*", 405)]
    public async Task An_invalid_request_target_is_refused_by_the_server(string target, int status)
    {
        await _connection.SendAsync($"POST {target} HTTP/1.1\r\n{Host}{CanaryCookie}Content-Length: 0\r\n\r\n{SmuggledLogout}");

        (await AnswerAsync()).ShouldBeTheServersOwn(status);
        await ShouldBeClosedAsync();
    }

    // --- Methods

    [TestCase("TRACE")]
    [TestCase("CONNECT")]
    [TestCase("OPTIONS")]
    [TestCase("PUT")]
    [TestCase("POSTS")]
    [TestCase("!#$%&'*+-.^_`|~")]
    public async Task Another_method_is_not_allowed(string method)
    {
        await _connection.SendAsync($"{method} /logout/ HTTP/1.1\r\n{Host}{CanaryCookie}\r\n");

        var answer = await AnswerAsync();
        answer.ShouldBeProblem(405, "method_not_allowed");
        Assert.That(answer.Header("Allow"), Is.EqualTo("POST"));
    }

    [Test]
    public async Task HEAD_has_no_body()
    {
        await _connection.SendAsync($"HEAD /logout/ HTTP/1.1\r\n{Host}{CanaryCookie}\r\n{Me}");

        var answer = await AnswerAsync("HEAD");
        Assert.That((answer.Status, answer.Header("Allow"), answer.Header("Cache-Control")), Is.EqualTo((405, "POST", "no-store")));
        Assert.That((await AnswerAsync()).Status, Is.EqualTo(200), "the next answer begins at once");
    }

    [TestCase("OPTIONS *")]
    [TestCase("CONNECT 127.0.0.1:80")]
    public async Task An_asterisk_target_is_not_found(string request)
    {
        await _connection.SendAsync($"{request} HTTP/1.1\r\nHost: 127.0.0.1:80\r\n\r\n");

        (await AnswerAsync()).ShouldBeProblem(404, "not_found");
    }

    [TestCase("G\0T")]
    [TestCase("G@T")]
    [TestCase("{}")]
    [TestCase("")]
    public async Task An_invalid_method_is_refused_by_the_server(string method)
    {
        await _connection.SendAsync($"{method} /logout/ HTTP/1.1\r\n{Host}{CanaryCookie}\r\n{SmuggledLogout}");

        (await AnswerAsync()).ShouldBeTheServersOwn(400);
        await ShouldBeClosedAsync();
    }

    [Test]
    public async Task A_lower_case_method_is_the_same_and_needs_a_session()
    {
        // Routing compares methods without case. What guards a POST must therefore do so too.
        await _connection.SendAsync($"post /logout/ HTTP/1.1\r\n{Host}Content-Length: 0\r\n\r\n");

        (await AnswerAsync()).ShouldBeProblem(401, "not_authenticated");
    }

    private async Task<RawResponse> AnswerAsync(string method = "GET")
    {
        var answer = await _connection.ReadAsync(method);
        Assert.That(answer, Is.Not.Null, "an answer");
        return answer!;
    }

    private async Task ShouldBeClosedAsync() => Assert.That(Encoding.Latin1.GetString(await _connection.ReadToEndAsync()), Is.Empty, "nothing behind it is answered");
}
