using System.Data.Common;
using System.Net;
using System.Text.RegularExpressions;
using AuthApi.Codes;
using AuthApi.Passwords;
using AuthApi.Sessions;
using AuthApi.Storage;
using AuthApi.Tests.Harness;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Identity;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Diagnostics;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;

namespace AuthApi.Tests.Accounts;

/// <summary>
/// What a caller who tries an address cannot learn (ASVS 6.3.8). By construction: before its answer a call runs the same statements in the same order, and hashes as often, whatever is
/// known of the address. What else there is to do is done after the answer.
/// </summary>
[TestFixture(TestedStore.Sqlite)]
[TestFixture(TestedStore.PostgreSql)]
internal sealed class EnumerationTests(TestedStore store)
{
    private const string Wrong = "7K3M-9QXW-2DTA";
    private const string Other = "staple battery horse correct";

    // Confirmed with codes that wait, confirmed without, not confirmed, disabled, and unknown.
    private static readonly string[] Addresses = ["coded@example.com", "plain@example.com", "squatted@example.com", "disabled@example.com", "nobody@example.com"];

    private static readonly (string Path, Func<string, object> Body)[] Calls =
    [
        ("/password/forgot/", email => new { email }),
        ("/email/confirm/resend/", email => new { email }),
        ("/register/", email => new { email, password = Other }),
        ("/password/reset/", email => new { email, code = Wrong, newPassword = Other }),
        ("/password/reset/", email => new { email, code = Wrong, newPassword = "short" }),
        ("/email/confirm/", email => new { email, code = Wrong }),
        ("/recovery/", email => new { email, code = Wrong, recoveryCode = "7K3M-9QXW-2DTA-4F8H-0YBC-6RVN" }),
        ("/email/change/", newEmail => new { newEmail }),
        ("/email/change/confirm/", newEmail => new { newEmail, code = Wrong }),
    ];

    [Test]
    public async Task No_call_does_more_before_its_answer_for_a_known_address()
    {
        var work = new Work();
        await using var application = new AuthApiApplication(
            services =>
            {
                services.Replace(ServiceDescriptor.Singleton<IPasswordHasher<ApplicationUser>>(work));
                services.ConfigureDbContext<AuthDbContext>((provider, options) => options.AddInterceptors(work.OfRequests(provider.GetRequiredService<IHttpContextAccessor>())));
            },
            settings: new() { ["Accounts:RequireConfirmedEmail"] = "true" },
            store: store);
        using var browser = application.NewBrowser();
        await RegisterAsync(application, browser);
        await application.WaitForWarmUpAsync();
        var (codes, failures) = await StateAsync(application);

        foreach (var (path, body) in Calls)
        {
            var seen = new List<(string Email, string Answer, string Work)>();
            foreach (var email in Addresses)
            {
                work.Done.Clear();
                using var response = await browser.PostAsync(path, body(email));
                seen.Add((email, await AnswerAsync(response), string.Join("\n", work.Done)));

                // After the answer, so that each call meets what the one before has left.
                await application.MailIsQuietAsync();

                // The caller may ask for a third address after five minutes only.
                var before = application.Time.GetUtcNow() - OneTimeCodes.Quiet;
                await application.QueryAsync(context => context.Set<OneTimeCode>().Where(code => code.Purpose == CodePurpose.EmailChange)
                    .ExecuteUpdateAsync(update => update.SetProperty(code => code.CreatedAt, before)));
            }

            Assert.That(seen.Select(one => one.Answer).Distinct(), Has.Exactly(1).Items, path);
            Assert.That(seen.Select(one => one.Work).Distinct(), Has.Exactly(1).Items, path);

            // On PostgreSQL one statement alone is its own transaction.
            Assert.That(seen[0].Work, Does.Contain(store == TestedStore.Sqlite ? "COMMIT" : "INSERT"), "the work is seen");
        }

        // No lock, no count of failures and no other event either.
        Assert.That(await StateAsync(application), Is.EqualTo((codes, failures)));
    }

    private static async Task RegisterAsync(AuthApiApplication application, Browser browser)
    {
        foreach (var email in Addresses.SkipLast(1).Append("caller@example.com"))
        {
            using var response = await browser.PostAsync("/register/", new { email, password = Browser.Password });
            Assert.That(response.StatusCode, Is.EqualTo(HttpStatusCode.Accepted));
        }

        await application.MailIsQuietAsync();
        await application.QueryAsync(context => context.Users.Where(user => !user.Email!.StartsWith("squatted"))
            .ExecuteUpdateAsync(update => update.SetProperty(user => user.EmailConfirmed, true)));
        await application.QueryAsync(context => context.Users.Where(user => user.Email!.StartsWith("disabled"))
            .ExecuteUpdateAsync(update => update.SetProperty(user => user.LockoutEnd, DateTimeOffset.MaxValue)));
        using var forgot = await browser.PostAsync("/password/forgot/", new { email = Addresses[0] });
        await application.MailIsQuietAsync();
        await browser.LogInAsync("caller@example.com");
    }

    private static async Task<string> AnswerAsync(HttpResponseMessage response)
    {
        var body = Regex.Replace(await response.Content.ReadAsStringAsync(), "\"traceId\":\"[^\"]*\"", "");
        var headers = response.Headers.Concat(response.Content.Headers).Select(header => header.Key).Order(StringComparer.Ordinal);
        return $"{(int)response.StatusCode} {string.Join(", ", headers)} {body}";
    }

    private static async Task<(int Users, string Failures)> StateAsync(AuthApiApplication application) => await application.QueryAsync(async context => (
        await context.Set<AuditEntry>().CountAsync(entry => entry.Event != OneTimeCodes.Refused),
        string.Join(", ", await context.Users.Where(user => user.EmailConfirmed).OrderBy(user => user.Id).Select(user => $"{user.AccessFailedCount} {user.LockoutEnd} {user.SecurityStamp}").ToListAsync())));

    /// <summary>Notes what is done for requests, in order: statements, commits and hashes.</summary>
    private sealed class Work : IPasswordHasher<ApplicationUser>
    {
        private readonly Argon2PasswordHasher _hasher = new(memoryKiB: 8, passes: 1);

        public List<string> Done { get; } = [];

        public string HashPassword(ApplicationUser user, string password)
        {
            Done.Add("HASH");
            return _hasher.HashPassword(user, password);
        }

        public PasswordVerificationResult VerifyHashedPassword(ApplicationUser user, string hashedPassword, string providedPassword)
        {
            Done.Add("VERIFY");
            return _hasher.VerifyHashedPassword(user, hashedPassword, providedPassword);
        }

        public IInterceptor[] OfRequests(IHttpContextAccessor http) => [new Statements(this, http), new Transactions(this, http)];

        private void Note(IHttpContextAccessor http, string what)
        {
            if (http.HttpContext is not null)
            {
                Done.Add(what);
            }
        }

        private sealed class Statements(Work work, IHttpContextAccessor http) : DbCommandInterceptor
        {
            public override InterceptionResult<DbDataReader> ReaderExecuting(
                DbCommand command, CommandEventData eventData, InterceptionResult<DbDataReader> result)
            {
                work.Note(http, command.CommandText);
                return result;
            }

            public override ValueTask<InterceptionResult<DbDataReader>> ReaderExecutingAsync(
                DbCommand command, CommandEventData eventData, InterceptionResult<DbDataReader> result, CancellationToken cancellationToken = default)
            {
                work.Note(http, command.CommandText);
                return new(result);
            }

            public override ValueTask<InterceptionResult<int>> NonQueryExecutingAsync(
                DbCommand command, CommandEventData eventData, InterceptionResult<int> result, CancellationToken cancellationToken = default)
            {
                work.Note(http, command.CommandText);
                return new(result);
            }
        }

        private sealed class Transactions(Work work, IHttpContextAccessor http) : DbTransactionInterceptor
        {
            public override Task TransactionCommittedAsync(DbTransaction transaction, TransactionEndEventData eventData, CancellationToken cancellationToken = default)
            {
                work.Note(http, "COMMIT");
                return Task.CompletedTask;
            }
        }
    }
}
