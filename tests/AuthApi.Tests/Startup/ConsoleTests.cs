using System.Net;
using System.Text.Json.Nodes;
using AuthApi.Tests.Harness;

namespace AuthApi.Tests.Startup;

/// <summary>What the program says on standard output, as an operator's tools read it.</summary>
internal sealed class ConsoleTests
{
    private TemporaryFolder _folder = null!;

    [SetUp]
    public void SetUp() => _folder = new TemporaryFolder();

    [TearDown]
    public void TearDown() => _folder.Dispose();

    [Test]
    public async Task A_Development_start_logs_address_store_and_Swagger()
    {
        var (program, output) = await RunAsync();

        var lines = output.Where(line => line.StartsWith("      ", StringComparison.Ordinal)).Select(line => line.Trim()).ToList();
        Assert.That(lines[0], Is.EqualTo($"Now listening on: {program.ToString().TrimEnd('/')}"));
        Assert.That(lines.Take(8), Does.Contain($"The store is SQLite: {Path.Combine(_folder.Path, "data", "auth.db")}"));
        Assert.That(lines.Take(8), Does.Contain($"Swagger UI is at {program}swagger/"));
    }

    [Test]
    public async Task In_Production_each_line_is_JSON_with_a_UTC_time_and_an_id()
    {
        var (_, output) = await RunAsync("--environment=Production", "--ForwardedHeaders:KnownProxies=127.0.0.1");

        var lines = output.Select(line => JsonNode.Parse(line)!).ToList();
        foreach (var line in lines)
        {
            Assert.That(line["Timestamp"]!.GetValue<string>(), Does.Match(@"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$"));
            Assert.That(
                line["EventId"]!.GetValue<int>(), line["Category"]!.GetValue<string>() == "Microsoft.Hosting.Lifetime" ? Is.Not.Negative : Is.Positive, line.ToJsonString());
        }

        Assert.That(lines[0]["Message"]!.GetValue<string>(), Does.StartWith("Now listening on: http://127.0.0.1:"));
        Assert.That(lines.Take(8).Select(line => line["Message"]!.GetValue<string>()), Has.Some.StartsWith("Swagger UI is off"));
        var store = lines.Take(8).Single(line => line["Category"]!.GetValue<string>() == "AuthApi.Sessions.Sqlite.SqliteStart");
        Assert.That(store["State"]!["Path"]!.GetValue<string>(), Is.EqualTo(Path.Combine(_folder.Path, "data", "auth.db")));
        var registered = lines.Single(line => line["Message"]!.GetValue<string>() == "User 1 registered.");
        Assert.That(registered["Scopes"]!.ToJsonString(), Does.Match("\"TraceId\":\"[0-9a-f]{32}\""));
    }

    [Test]
    public async Task The_hosts_warnings_at_the_start_are_logged()
    {
        var (_, output) = await RunAsync("--HTTP_PORTS=8080");

        Assert.That(output, Has.Some.Contains("HTTP_PORTS"), "that Urls goes before it");
    }

    [Test]
    public async Task Nothing_that_a_client_sends_breaks_or_colours_a_line()
    {
        var (_, output) = await RunAsync(
            "--environment=Production", "--ForwardedHeaders:KnownProxies=127.0.0.1", "--Logging:LogLevel:Default=Trace", "--Logging:LogLevel:Microsoft.AspNetCore=Trace");

        Assert.That(output, Has.Count.GreaterThan(100), "it is talkative");
        Assert.That(output, Has.Some.Contains("FAKE"), "the address is logged, at least");
        foreach (var line in output)
        {
            Assert.That(line, Does.StartWith("{").And.EndsWith("}"));

            // As a character: a string is compared by the culture, to which this one is nothing.
            Assert.That(line.Contains('\u001b', StringComparison.Ordinal), Is.False, line);
            Assert.That(() => JsonNode.Parse(line), Throws.Nothing);
        }
    }

    [Test]
    public async Task The_format_can_be_configured()
    {
        var (_, output) = await RunAsync("--environment=Production", "--ForwardedHeaders:KnownProxies=127.0.0.1", "--Logging:Console:FormatterName=simple");

        Assert.That(output[0], Does.StartWith("info: Microsoft.Hosting.Lifetime[14]"));
    }

    [Test]
    public async Task A_log_that_nobody_reads_holds_up_nothing()
    {
        await using var program = await RunningProgram.StartUnreadAsync(
            _folder.Path, "--Logging:LogLevel:Default=Trace", "--Logging:LogLevel:Microsoft.AspNetCore=Trace", "--Logging:Console:MaxQueueLength=100");
        using var browser = program.NewBrowser();

        // Each request logs some 10 KB; a pipe holds 64 KB.
        for (var i = 0; i < 100; i++)
        {
            Assert.That(await browser.MeAsync().WaitAsync(RawConnection.Patience), Is.EqualTo(HttpStatusCode.Unauthorized));
        }

        await program.TerminateAsync();
        Assert.That((await program.Ended.WaitAsync(TimeSpan.FromSeconds(30))).ExitCode, Is.Zero);
    }

    [Test]
    public async Task A_line_says_how_many_were_dropped()
    {
        await using var program = await RunningProgram.StartUnreadAsync(
            _folder.Path, "--Logging:LogLevel:Default=Trace", "--Logging:LogLevel:Microsoft.AspNetCore=Trace", "--Logging:Console:MaxQueueLength=100");
        using var browser = program.NewBrowser();
        for (var i = 0; i < 50; i++)
        {
            await browser.MeAsync();
        }

        // It is said with the next line for which there is room.
        var error = program.ReadOnToErrorAsync();
        while (!error.IsCompleted)
        {
            await browser.MeAsync();
        }

        Assert.That(await error, Does.Match(@"^\d+ message\(s\) dropped"));
    }

    // One run, with a login in it and one that somebody made up; to its end.
    private async Task<(Uri Address, IReadOnlyList<string> Output)> RunAsync(params string[] arguments)
    {
        await using var program = await RunningProgram.StartAsync(_folder.Path, arguments);
        using var client = new HttpClient { BaseAddress = program.Address };
        client.DefaultRequestHeaders.Add("X-Forwarded-Proto", "https");
        client.DefaultRequestHeaders.Add("X-Forwarded-For", "192.0.2.1");
        foreach (var (path, body) in new (string, string)[]
        {
            ("/register/", """{"email":"ada@example.com","password":"correct horse battery staple"}"""),
            ("/login/", """{"email":"ada@example.com","password":"correct horse battery staple"}"""),
            ("/login/%0D%0AFAKE%1B%5B31m", "{}"),
            ("/login/", """{"userName":"a\r\nFAKE \u001b[31m","password":"another wrong one"}"""),
        })
        {
            using var content = new StringContent(body, mediaType: new("application/json"));
            using var response = await client.PostAsync(new Uri(path, UriKind.Relative), content);
            Assert.That(response.StatusCode, Is.Not.EqualTo(HttpStatusCode.InternalServerError));
        }

        using (var raw = await RawConnection.OpenAsync(program.Address))
        {
            await raw.SendAsync("GET /me/ HTTP/1.1\r\nHost: FAKE\u001b[31m\r\nUser-Agent: a\u001b[31m\r\nConnection: close\r\n\r\n");
            await raw.ReadToEndAsync();
        }

        await program.TerminateAsync();
        var (exitCode, output) = await program.Ended;
        Assert.That(exitCode, Is.Zero);
        return (program.Address, output);
    }
}
