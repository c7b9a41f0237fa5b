using System.Data.Common;
using AuthApi.Administration;
using AuthApi.Audit;
using AuthApi.Storage;
using AuthApi.Tests.Harness;
using Microsoft.AspNetCore.Identity;
using Microsoft.Data.Sqlite;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Diagnostics;
using Microsoft.Extensions.DependencyInjection;

namespace AuthApi.Tests.Administration;

/// <summary>A page of accounts or events reads by an index, however many there are.</summary>
[TestFixture(TestedStore.Sqlite)]
[TestFixture(TestedStore.PostgreSql)]
internal sealed class QueryPlanTests(TestedStore database)
{
    // As many as it takes for a database to prefer an index to reading all.
    private const int Users = 100_000;

    private AuthApiApplication _application = null!;
    private Plans _plans = null!;
    private AuthDbContext _context = null!;

    [OneTimeSetUp]
    public async Task OneTimeSetUp()
    {
        _application = new AuthApiApplication(store: database);
        _application.StartServer();
        await _application.QueryAsync(context =>
        {
            context.Database.SetCommandTimeout(TimeSpan.FromMinutes(1));
            return context.Database.ExecuteSqlRawAsync(database == TestedStore.Sqlite ? SqliteRows : PostgreSqlRows);
        });
        _plans = new Plans(database);
        var options = new DbContextOptionsBuilder<AuthDbContext>().UseApplicationServiceProvider(_application.Services).AddInterceptors(_plans);
        _context = new AuthDbContext((database == TestedStore.Sqlite
            ? options.UseSqlite($"Data Source={_application.DatabaseFile};Pooling=False")
            : options.UseNpgsql(_application.Services.GetRequiredService<PostgreSqlStorage>().ConnectionString + ";Pooling=False")).Options);
    }

    [OneTimeTearDown]
    public async Task OneTimeTearDown()
    {
        await _context.DisposeAsync();
        await _application.DisposeAsync();
    }

    [TestCase(null)]
    [TestCase("user123")]
    [TestCase("u")]
    [TestCase("name99")]
    [TestCase("4711")]
    [TestCase("nobody")]
    public async Task A_page_of_accounts_reads_by_an_index(string? search)
    {
        var list = new UserList(_context, _application.Services.GetRequiredService<ILookupNormalizer>());
        var found = 0;
        string? next = null;
        for (var page = 0; page < 3; page++)
        {
            var (items, following) = (await list.ReadAsync(search, next, 50))!.Value;
            found += items.Count;
            if ((next = following) is null)
            {
                break;
            }
        }

        Assert.That(found, search is "nobody" ? Is.Zero : Is.GreaterThan(0));
        Assert.That(_plans.Read, Is.Not.Empty);
        Assert.That(_plans.Take().Where(plan => ReadsAll(plan, "AspNetUsers")), Is.Empty);
    }

    [Test]
    public async Task A_page_of_events_reads_by_an_index()
    {
        var list = new AuditList(_context, _application.Services.GetRequiredService<SettledEvents>(), _application.Services.GetRequiredService<BoundedEvents>());

        Assert.That((await list.ReadBeforeAsync(new AuditFilter(null, null, null, null), 50_000, 50)).Items, Has.Count.EqualTo(50));
        Assert.That((await list.ReadBeforeAsync(new AuditFilter(17, null, null, null), null, 50)).Items, Has.Count.EqualTo(1));
        Assert.That((await list.ReadAfterAsync(new AuditFilter(null, null, null, null), 50_000, 50)).Items, Has.Count.EqualTo(50));
        Assert.That((await list.ReadAfterAsync(new AuditFilter(null, "Rare", null, null), 99_000, 50)).Items, Is.Empty);

        Assert.That(_plans.Take().Where(plan => ReadsAll(plan, "AuditEntries")), Is.Empty);
    }

    private static bool ReadsAll(string plan, string table) =>
        plan.Contains($"Seq Scan on \"{table}\"", StringComparison.Ordinal)
        || plan.Split('\n').Any(line => line.StartsWith("SCAN", StringComparison.Ordinal) && !line.Contains("USING", StringComparison.Ordinal) && !line.Contains("CONSTANT ROW", StringComparison.Ordinal) && !line.Contains("json_each", StringComparison.Ordinal));

    private static string SqliteRows =>
        $"""
        WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {Users})
        INSERT INTO "AspNetUsers" ("Id", "UserName", "NormalizedUserName", "Email", "NormalizedEmail", "EmailConfirmed", "PhoneNumberConfirmed", "TwoFactorEnabled", "LockoutEnabled", "AccessFailedCount", "CreatedAt", "SecurityStamp")
        SELECT i, iif(i % 10 = 0, 'name' || i, 'user' || i || '@example.com'), iif(i % 10 = 0, 'NAME' || i, 'USER' || i || '@EXAMPLE.COM'), 'user' || i || '@example.com', 'USER' || i || '@EXAMPLE.COM', 1, 0, 0, 1, 0, 0, 'x' FROM n;
        INSERT INTO "AuditEntries" ("At", "Event", "UserId") SELECT 0, 'SignedIn', "Id" FROM "AspNetUsers";
        """;

    private static string PostgreSqlRows =>
        $"""
        INSERT INTO "AspNetUsers" ("Id", "UserName", "NormalizedUserName", "Email", "NormalizedEmail", "EmailConfirmed", "PhoneNumberConfirmed", "TwoFactorEnabled", "LockoutEnabled", "AccessFailedCount", "CreatedAt", "SecurityStamp")
        SELECT i, CASE WHEN i % 10 = 0 THEN 'name' || i ELSE 'user' || i || '@example.com' END, CASE WHEN i % 10 = 0 THEN 'NAME' || i ELSE 'USER' || i || '@EXAMPLE.COM' END, 'user' || i || '@example.com', 'USER' || i || '@EXAMPLE.COM', true, false, false, true, 0, now(), 'x' FROM generate_series(1, {Users}) AS i;
        INSERT INTO "AuditEntries" ("At", "Event", "UserId") SELECT now(), 'SignedIn', "Id" FROM "AspNetUsers";
        ANALYZE
        """;

    // Explains each query before it is run, with its own parameters.
    private sealed class Plans(TestedStore database) : DbCommandInterceptor
    {
        private readonly List<string> _read = [];

        public IReadOnlyList<string> Read => _read;

        public List<string> Take()
        {
            var taken = _read.ToList();
            _read.Clear();
            return taken;
        }

        public override async ValueTask<InterceptionResult<DbDataReader>> ReaderExecutingAsync(
            DbCommand command, CommandEventData eventData, InterceptionResult<DbDataReader> result, CancellationToken cancellationToken = default)
        {
            await using var explain = command.Connection!.CreateCommand();
            explain.CommandText = (database == TestedStore.Sqlite ? "EXPLAIN QUERY PLAN " : "EXPLAIN ") + command.CommandText;
            foreach (DbParameter parameter in command.Parameters)
            {
                explain.Parameters.Add(parameter is ICloneable known ? known.Clone() : new SqliteParameter(parameter.ParameterName, parameter.Value));
            }

            await using var rows = await explain.ExecuteReaderAsync(cancellationToken);
            var lines = new List<string>();
            while (await rows.ReadAsync(cancellationToken))
            {
                lines.Add(rows.GetString(database == TestedStore.Sqlite ? 3 : 0));
            }

            _read.Add(string.Join('\n', lines));
            return result;
        }
    }
}
