using System.Diagnostics;
using System.Globalization;
using System.Text.RegularExpressions;
using AuthApi.Benchmarks.Subjects;
using AuthApi.Benchmarks.Traffic;
using AuthApi.Mail;
using AuthApi.Passwords;
using AuthApi.Storage;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Storage;

namespace AuthApi.Benchmarks.Runs;

/// <summary>
/// What calls that set or check a password cost beside its hash, whether a stopwatch tells a known address from an unknown one, and whether logouts wait while mail is sent.
/// </summary>
internal static partial class AccountRun
{
    // More than are sent in all rounds.
    private const int Mails = 30_000;
    private const string NewPassword = "tulip-47-Meadow-anchor-violet";

    // What the server does after an answer would fall on the next one.
    private static readonly TimeSpan AfterAnswer = TimeSpan.FromMilliseconds(100);

    public static async Task RunAsync(RunOptions options)
    {
        using var factory = new SubjectFactory(options.AuthApi, otherAuthApi: null);
        await HashesAsync(factory, options.Choose(full: 200, quick: 30));
        await AddressesAsync(factory, options.Choose(full: 400, quick: 40));
        await MailAsync(factory, options.Rounds ?? options.Choose(full: 6, quick: 2), TimeSpan.FromSeconds(options.Choose(full: 5, quick: 2)));
    }

    private static async Task HashesAsync(SubjectFactory factory, int count)
    {
        Progress.Write("starting a server, and mailing codes for the resets");
        using var folder = new MailFolder();
        var subject = await factory.StartAuthApiAsync("passwords", sessions: 10, prepare: null, "--Email:PickupDirectory", folder.Path);
        var emails = await subject.RegisterAsync(count);
        using var connection = new KeepAliveConnection(subject.Server.EndPoint);
        foreach (var email in emails)
        {
            connection.Exchange(Post(subject, "/password/forgot/", new { email }), StatusCodes.Status202Accepted);
        }

        var codes = await folder.ReadCodesAsync(count);
        subject.WaitUntilIdle();
        var calls = new Dictionary<string, (Func<int, byte[]> Request, int Status)>
        {
            ["`POST /register/`"] = (index => Post(subject, "/register/", new { email = $"new{index}@example.com", Subject.Password }), StatusCodes.Status201Created),
            ["`POST /login/`, the first of an account"] = (index => subject.Login(emails[index], Subject.Password), StatusCodes.Status200OK),
            ["`POST /login/`, a known device"] = (index => subject.Login(emails[index], Subject.Password), StatusCodes.Status200OK),
            ["`POST /login/`, a new device, with its message"] = (index => Post(subject, "/login/", new { email = emails[index], Subject.Password }, "Phone/1.0"), StatusCodes.Status200OK),
            ["`POST /password/reset/`"] = (index => Post(subject, "/password/reset/", new { email = emails[index], code = codes[emails[index]], NewPassword }), StatusCodes.Status204NoContent),
        };
        Console.WriteLine($"""

            **Beside the hash of a password**, {count} calls each, one after the other on one connection; after each a hash with the same parameters alone, in the process of the load generator.

            | | p50, ms | p99, ms | max, ms | hash p50, ms | p99, ms | max, ms | p50 / hash |
            |---|---:|---:|---:|---:|---:|---:|---:|
            """);
        var hasher = new Argon2PasswordHasher(Microsoft.Extensions.Options.Options.Create(new PasswordHashingOptions()));
        for (var i = 0; i < 20; i++)
        {
            hasher.HashPassword(new ApplicationUser(), Subject.Password);
        }

        foreach (var (name, call) in calls)
        {
            var (answers, hashes) = (new Latencies(count), new Latencies(count));
            for (var i = 0; i < count; i++)
            {
                var startedAt = Stopwatch.GetTimestamp();
                connection.Exchange(call.Request(i), call.Status);
                var answeredAt = Stopwatch.GetTimestamp();
                hasher.HashPassword(new ApplicationUser(), Subject.Password);
                hashes.Add(Stopwatch.GetTimestamp() - answeredAt);
                answers.Add(answeredAt - startedAt);
            }

            Progress.Write($"{name}: p50 {answers.P50:N1} ms");
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"| {name} | {Cells(answers)} | {Cells(hashes)} | {answers.P50 / hashes.P50:N2} |"));
        }
    }

    private static async Task AddressesAsync(SubjectFactory factory, int count)
    {
        Progress.Write("starting a server that asks for confirmed addresses");
        using var folder = new MailFolder();
        var subject = await factory.StartAuthApiAsync("addresses", sessions: 10, prepare: null, "--Email:PickupDirectory", folder.Path, "--Accounts:RequireConfirmedEmail", "true");
        using var connection = new KeepAliveConnection(subject.Server.EndPoint);
        using var never = new ManualResetEventSlim();
        for (var i = 0; i < count; i++)
        {
            connection.Exchange(Post(subject, "/register/", new { email = $"known{i}@example.com", Subject.Password }), StatusCodes.Status202Accepted);
        }

        subject.WaitUntilIdle();
        Console.WriteLine($"""

            **A known address and an unknown one**, by turns, {count} calls each. AUC is how often an answer for a known address takes longer than one for an unknown: 0.5 where the time does not tell.

            | | known p50, ms | p99, ms | max, ms | unknown p50, ms | p99, ms | max, ms | difference of p50, ms | AUC |
            |---|---:|---:|---:|---:|---:|---:|---:|---:|
            """);

        // In this order: the wrong codes meet the codes that the calls before have mailed.
        Compare("`POST /email/confirm/resend/`", email => Post(subject, "/email/confirm/resend/", new { email }));
        Compare("`POST /password/forgot/`", email => Post(subject, "/password/forgot/", new { email }));
        Compare("`POST /password/reset/`, a wrong code", email => Post(subject, "/password/reset/", new { email, code = "7K3M-9QXW-2DTA", NewPassword }));
        Compare("`POST /email/confirm/`, a wrong code", email => Post(subject, "/email/confirm/", new { email, code = "7K3M-9QXW-2DTA" }));
        Compare("`POST /register/`, answered 202", email => Post(subject, "/register/", new { email, Subject.Password }));

        void Compare(string name, Func<string, byte[]> request)
        {
            var (known, unknown) = (new List<long>(count), new List<long>(count));
            for (var i = 0; i < count; i++)
            {
                if (i % 2 == 0)
                {
                    known.Add(Time(request($"known{i}@example.com")));
                    unknown.Add(Time(request($"nobody{i}{name.Length}@example.com")));
                }
                else
                {
                    unknown.Add(Time(request($"nobody{i}{name.Length}@example.com")));
                    known.Add(Time(request($"known{i}@example.com")));
                }
            }

            subject.WaitUntilIdle();
            var (one, other) = (Of(known), Of(unknown));
            var auc = known.Sum(ticks => unknown.Sum(than => ticks > than ? 1 : ticks < than ? 0 : 0.5)) / ((double)known.Count * unknown.Count);
            Progress.Write($"{name}: AUC {auc:N2}");
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"| {name} | {Cells(one)} | {Cells(other)} | {one.P50 - other.P50:+0.00;-0.00} | {auc:N2} |"));
        }

        long Time(byte[] request)
        {
            never.Wait(AfterAnswer);
            var startedAt = Stopwatch.GetTimestamp();
            connection.Exchange(request);
            return Stopwatch.GetTimestamp() - startedAt;
        }
    }

    private static async Task MailAsync(SubjectFactory factory, int rounds, TimeSpan length)
    {
        Progress.Write($"starting a server with {Mails:N0} messages in its queue");
        using var sink = new MailSink();
        var sessions = (2 * rounds + 2) * PacedLoad.SessionsFor(length);
        var subject = await factory.StartAuthApiAsync(
            "mail", sessions, SeedMails, "--Email:Smtp:Host", "127.0.0.1", "--Email:Smtp:Port", $"{sink.Port}", "--Email:Smtp:Security", "None", "--Email:Smtp:Timeout", "00:02:00",
            "--Email:From", "no-reply@example.com");

        // Both warm up.
        new PacedLoad(subject).Measure(length);
        sink.Open();
        new PacedLoad(subject).Measure(TimeSpan.FromSeconds(1));
        var (quiet, sending, sent) = (new List<Latencies>(), new List<Latencies>(), 0);
        for (var round = 0; round < rounds; round++)
        {
            sink.HoldUp();
            quiet.Add(new PacedLoad(subject).Measure(length).Logout);
            var before = sink.Taken;
            sink.Open();
            sending.Add(new PacedLoad(subject).Measure(length).Logout);
            sent += sink.Taken - before;
            Progress.Write($"round {round + 1} of {rounds}: logout p99 {quiet[^1].P99:N1} ms, while mail is sent {sending[^1].P99:N1} ms");
        }

        if (sink.Taken == 0 || sink.Taken >= Mails)
        {
            throw new InvalidDataException($"The server has sent {sink.Taken:N0} of {Mails:N0} messages: the last rounds have measured nothing.");
        }

        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"""

            **Logouts while mail is sent**, {rounds} rounds of {length.TotalSeconds:N0} s: {PacedLoad.Description}. Of {Mails:N0} queued messages {sent:N0} were sent meanwhile, {sent / (rounds * length.TotalSeconds):N0} a second.

            | | p50, ms | p99, ms | max, ms |
            |---|---:|---:|---:|
            | quiet: the mail server answers nothing | {Medians(quiet)} |
            | sending | {Medians(sending)} |
            | *sending / quiet* | | {quiet.Zip(sending, (without, with) => with.P99 / without.P99).ToList().Spread()} | |
            """));
    }

    private static void SeedMails(string folder)
    {
        using var context = new AuthDbContext(new DbContextOptionsBuilder<AuthDbContext>().UseSqlite($"Data Source={DataFolder.AuthApiDatabase(folder)}").Options);
        using var transaction = context.Database.BeginTransaction();
        using var mails = new BulkInsert<MailMessage>(context, transaction.GetDbTransaction());
        var now = TimeProvider.System.GetUtcNow();
        for (var i = 0; i < Mails; i++)
        {
            mails.Insert(new MailMessage
            {
                Id = Guid.CreateVersion7(now),
                UserId = 1,
                To = $"user{i}@example.com",
                Subject = "AuthApi: your password has been changed",
                Text = new string('x', 400) + "\r\n",
                Html = $"<p>{new string('x', 400)}</p>\r\n",
                CreatedAt = now,
                ExpiresAt = now.AddDays(3),
                NextAttemptAt = now,
            });
        }

        transaction.Commit();
    }

    private static byte[] Post(Subject subject, string path, object body, string? userAgent = null) => HttpRequests.Post(subject.Server.EndPoint, path, body, userAgent);

    private static Latencies Of(List<long> ticks)
    {
        var latencies = new Latencies(ticks.Count);
        ticks.ForEach(latencies.Add);
        return latencies;
    }

    private static string Cells(Latencies latencies) =>
        string.Create(CultureInfo.InvariantCulture, $"{latencies.P50:N2} | {latencies.P99:N2} | {latencies.Max:N1}");

    private static string Medians(List<Latencies> rounds) => string.Create(
        CultureInfo.InvariantCulture,
        $"{rounds.Select(round => round.P50).Median():N2} | {rounds.Select(round => round.P99).Median():N2} | {rounds.Select(round => round.Max).Median():N1} ({rounds.Max(round => round.Max):N1})");

    /// <summary>Where a server writes its messages.</summary>
    private sealed partial class MailFolder : IDisposable
    {
        public string Path { get; } = Directory.CreateTempSubdirectory("authapi-mail-").FullName;

        /// <summary>The codes of so many messages, by recipient.</summary>
        public async Task<Dictionary<string, string>> ReadCodesAsync(int count)
        {
            using var limit = new CancellationTokenSource(TimeSpan.FromMinutes(2));
            while (Directory.GetFiles(Path, "*.eml").Length < count)
            {
                await Task.Delay(100, limit.Token);
            }

            return Directory.GetFiles(Path, "*.eml").Select(File.ReadAllText)
                .ToDictionary(text => To().Match(text).Groups[1].Value, text => Code().Match(text).Value);
        }

        public void Dispose() => Directory.Delete(Path, recursive: true);

        [GeneratedRegex(@"^To: (\S+)", RegexOptions.Multiline)]
        private static partial Regex To();

        [GeneratedRegex("^[0-9A-Z]{4}-[0-9A-Z]{4}-[0-9A-Z]{4}", RegexOptions.Multiline)]
        private static partial Regex Code();
    }
}
