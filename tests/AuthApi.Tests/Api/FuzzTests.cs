using System.Collections.Concurrent;
using System.Globalization;
using System.Net;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using AuthApi.Sessions;
using AuthApi.Tests.Harness;
using AuthApi.Tests.House;

namespace AuthApi.Tests.Api;

/// <summary>
/// Requests that are made up from the OpenAPI document and then spoilt, against the program as a process of its own, so that the memory
/// that is measured is the program's alone. Its passwords cost what they cost, so one request in four hundred may come as far as a hash.
/// </summary>
/// <remarks>
/// On PostgreSQL they are fewer, as what refuses a request before it comes to the store is the same. <c>FUZZ_REQUESTS</c> says how many, <c>FUZZ_SEED</c> which; the same seed makes the same requests. One that failed is repeated by
/// <c>FUZZ_FIRST</c>, its number, and <c>FUZZ_REQUESTS=1</c>.
/// </remarks>
[TestFixture(TestedStore.Sqlite)]
[TestFixture(TestedStore.PostgreSql)]
[NonParallelizable]
internal sealed partial class FuzzTests(TestedStore store)
{
    private const int Clients = 4;

    private static readonly long Seed = Setting("FUZZ_SEED", 20_260_301);
    private static readonly long First = Setting("FUZZ_FIRST", 0);

    private readonly long _requests = Setting("FUZZ_REQUESTS", store == TestedStore.Sqlite ? 20_000 : 4_000);
    private readonly RequestFuzzer _fuzzer = new(JsonNode.Parse(File.ReadAllText(Path.Combine(Repository.Root, "docs", "openapi.json")))!);
    private readonly SemaphoreSlim _hash = new(1);
    private readonly ConcurrentDictionary<(int Status, string? Code), int> _answers = new();
    private readonly ConcurrentQueue<string> _failures = new();
    private readonly ConcurrentDictionary<long, long> _memory = new();

    private RunningProgram _program = null!;
    private long _next;
    private int _users;
    private int _logins;

    [Test]
    public async Task Fuzzed_requests_cause_no_5xx_and_memory_stays_flat()
    {
        using var folder = new TemporaryFolder();
        await using var program = _program = await RunningProgram.StartAsync(folder.Path, await store.SettingsAsync());
        using var byCookie = program.NewBrowser();
        using var byHeader = program.NewBrowser(SessionTransport.Header);
        await byCookie.RegisterAsync("canary@example.com");
        await byCookie.LogInAsync("canary@example.com");
        await byHeader.LogInAsync("canary@example.com");

        await Task.WhenAll(Enumerable.Range(0, Clients).Select(_ => Task.Run(FuzzAsync)));

        TestContext.Out.WriteLine(string.Join('\n', _answers.OrderBy(answer => answer.Key).Select(answer => $"{answer.Value,7} {answer.Key.Status} {answer.Key.Code}")));
        TestContext.Out.WriteLine($"{_logins} logins of {_users} users");
        Assert.That(_failures, Is.Empty);
        Assert.That(await byCookie.MeAsync(), Is.EqualTo(HttpStatusCode.OK));
        Assert.That(await byHeader.MeAsync(), Is.EqualTo(HttpStatusCode.OK));
        MemoryShouldBeFlat();
    }

    private async Task FuzzAsync()
    {
        using var client = new Client(this);
        for (var number = Interlocked.Increment(ref _next) - 1; number < _requests && _failures.IsEmpty; number = Interlocked.Increment(ref _next) - 1)
        {
            await TryAsync(client, First + number);
            if (number % (_requests / 40 + 1) == 0)
            {
                _memory[number] = _program.ResidentMemory;
            }
        }
    }

    private async Task TryAsync(Client client, long number)
    {
        var mayHash = number % 400 == 0;
        await client.LogInAsync();
        var request = _fuzzer.Make(new Dice(unchecked((ulong)(Seed * 1_000_003 + number))), mayHash, client.TokenOf);
        try
        {
            // One at a time: the program refuses passwords that would have to wait for others, with a 503 that is right.
            RawResponse answer;
            await (mayHash ? _hash.WaitAsync() : Task.CompletedTask);
            try
            {
                answer = await client.SendAsync(request);
            }
            finally
            {
                _ = mayHash ? _hash.Release() : 0;
            }

            var code = Check(request, answer);
            _answers.AddOrUpdate((answer.Status, code), 1, (_, count) => count + 1);
            client.Note(request, answer, code);
        }
        catch (Exception exception) when (exception is AssertionException or TimeoutException or IOException or FormatException or System.Text.Json.JsonException)
        {
            _failures.Enqueue($"Request {number} of seed {Seed}: {exception.Message}\n{request}");
        }
    }

    private static string? Check(FuzzedRequest request, RawResponse answer)
    {
        Require(answer.Status is >= 200 and < 300 or >= 400 and < 500, answer, "is a server error, or redirects");
        Require(answer.Header("Location") is null, answer, "leads elsewhere");
        if (answer.IsTheServersOwn && answer.Status >= 400)
        {
            Require(!request.IsForTheProgram, answer, "was not given by the program");
            return null;
        }

        Require(answer.Header("Cache-Control") == "no-store", answer, "may be cached");
        if (answer.Status < 300 || request.Method == "HEAD")
        {
            Require(answer.Body.Count == 0 || answer.Header("Content-Type") == "application/json; charset=utf-8", answer, "is no JSON");
            return null;
        }

        Require(answer.Header("Content-Type") == "application/problem+json", answer, "is no problem");
        var problem = JsonNode.Parse(answer.Text)!;
        var code = problem["code"]!.GetValue<string>();
        Require(problem["status"]!.GetValue<int>() == answer.Status && Word().IsMatch(code), answer, "is an odd problem");
        Require(problem["title"]!.GetValue<string>().Length > 0 && problem["traceId"]!.GetValue<string>().Length > 0, answer, "is no whole problem");
        Require(!answer.Text.Contains("AuthApi.", StringComparison.Ordinal) && !answer.Text.Contains("   at ", StringComparison.Ordinal), answer, "shows the inside");
        return code;
    }

    // Not Assert.That, which notes the failure at once; it is reported with its request.
    private static void Require(bool isSo, RawResponse answer, string otherwise)
    {
        if (!isSo)
        {
            throw new AssertionException($"the answer {otherwise}: {answer.Status}\n{string.Join('\n', answer.Headers)}\n{answer.Text}");
        }
    }

    // The middle of what was measured in the last part of each half: a moment before or after a collection says nothing.
    private void MemoryShouldBeFlat()
    {
        if (_requests < 10_000)
        {
            return;
        }

        var (before, after) = (Middle(_requests / 4, _requests / 2), Middle(_requests * 3 / 4, _requests));
        TestContext.Out.WriteLine($"{before / 1e6:N0} MB, then {after / 1e6:N0} MB: {string.Join(' ', _memory.OrderBy(sample => sample.Key).Select(sample => $"{sample.Value / 1e6:N0}"))}");
        Assert.That(after, Is.LessThan(before * 1.2), "resident memory after the second half, in bytes");
    }

    private long Middle(long from, long to)
    {
        var samples = _memory.Where(sample => sample.Key >= from && sample.Key < to).Select(sample => sample.Value).Order().ToList();
        return samples[samples.Count / 2];
    }

    private static long Setting(string name, long otherwise) =>
        Environment.GetEnvironmentVariable(name) is { Length: > 0 } text ? long.Parse(text, CultureInfo.InvariantCulture) : otherwise;

    [GeneratedRegex("^[a-z][a-z0-9_]*$")]
    private static partial Regex Word();

    /// <summary>One connection, and an account with a session for each way to carry one. A session that a request ended is started again.</summary>
    private sealed class Client(FuzzTests tests) : IDisposable
    {
        private Browser? _byCookie;
        private Browser? _byHeader;
        private RawConnection? _connection;
        private string _email = "";

        public string TokenOf(FuzzedSession session) => (session == FuzzedSession.Cookie ? _byCookie : _byHeader)!.Token;

        public async Task LogInAsync()
        {
            if (_byCookie is not null && _byHeader is not null)
            {
                return;
            }

            // Under the gate for hashes, like every other request that comes as far as one.
            await tests._hash.WaitAsync();
            try
            {
                if (_email.Length == 0)
                {
                    _email = $"fuzz{Interlocked.Increment(ref tests._users)}@example.com";
                    using var browser = tests._program.NewBrowser();
                    await browser.RegisterAsync(_email);
                }

                _byCookie ??= await NewSessionAsync(SessionTransport.Cookie);
                _byHeader ??= await NewSessionAsync(SessionTransport.Header);
            }
            finally
            {
                tests._hash.Release();
            }
        }

        /// <exception cref="IOException">The server gave no answer.</exception>
        public async Task<RawResponse> SendAsync(FuzzedRequest request)
        {
            // A connection that was used before may have been closed after its last answer; a new one was not.
            var answer = _connection is null ? null : await SendAsync(_connection, request);
            if (answer is null)
            {
                _connection?.Dispose();
                _connection = await RawConnection.OpenAsync(tests._program.Address);
                answer = await SendAsync(_connection, request) ?? throw new IOException("The server closed the connection without an answer.");
            }

            if (answer.Header("Connection") == "close")
            {
                _connection!.Dispose();
                _connection = null;
            }

            return answer;
        }

        /// <summary>Lets go of a session that may have ended.</summary>
        public void Note(FuzzedRequest request, RawResponse answer, string? code)
        {
            var mayHaveEnded = code is "not_authenticated" or "ambiguous_session" || (answer.Status == 200 && request.ToString().Contains("logout", StringComparison.OrdinalIgnoreCase)) || answer.Header("Set-Cookie") is not null || answer.Status == 204;
            if (mayHaveEnded && request.Session == FuzzedSession.Cookie)
            {
                LetGo(ref _byCookie);
            }
            else if (mayHaveEnded && request.Session == FuzzedSession.Header)
            {
                LetGo(ref _byHeader);
            }
        }

        public void Dispose()
        {
            LetGo(ref _byCookie);
            LetGo(ref _byHeader);
            _connection?.Dispose();
        }

        private static async Task<RawResponse?> SendAsync(RawConnection connection, FuzzedRequest request)
        {
            await connection.SendAsync(request.Bytes);
            return await connection.ReadAsync(request.Method);
        }

        private async Task<Browser> NewSessionAsync(SessionTransport transport)
        {
            Interlocked.Increment(ref tests._logins);
            var browser = tests._program.NewBrowser(transport);
            using (var login = await browser.PostAsync("/login/", new { email = _email, password = Browser.Password, transport = transport.ToString().ToLowerInvariant() }))
            {
                if (login.StatusCode == HttpStatusCode.OK)
                {
                    if (transport == SessionTransport.Header)
                    {
                        browser.Token = (await login.JsonAsync())["sessionToken"]!.GetValue<string>();
                    }

                    return browser;
                }
            }

            // Wrong passwords at a reauthentication have locked the account, or it was deleted.
            _email = $"fuzz{Interlocked.Increment(ref tests._users)}@example.com";
            await browser.RegisterAsync(_email);
            await browser.LogInAsync(_email);
            return browser;
        }

        private static void LetGo(ref Browser? browser)
        {
            browser?.Dispose();
            browser = null;
        }
    }
}
