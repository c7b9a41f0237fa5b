using System.Net;
using AuthApi.Storage;
using AuthApi.Tests.Harness;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;

namespace AuthApi.Tests.Storage;

/// <summary>The program's own part of a PostgreSQL database: the connection, the migrations, and what it refuses.</summary>
internal sealed class PostgreSqlStorageTests
{
    private PostgreSqlServer _server = null!;

    [OneTimeSetUp]
    public async Task OneTimeSetUp() => _server = await PostgreSqlServer.SharedAsync();

    [Test]
    public async Task The_model_and_the_migrations_agree()
    {
        await using var application = new AuthApiApplication(store: TestedStore.PostgreSql);
        application.StartServer();
        await using var context = await application.Services.GetRequiredService<IDbContextFactory<PostgreSqlAuthDbContext>>().CreateDbContextAsync();

        Assert.That(context.Database.HasPendingModelChanges(), Is.False);
        Assert.That(await context.Database.GetPendingMigrationsAsync(), Is.Empty);
        Assert.That(context.Database.GetMigrations(), Is.EqualTo(PostgreSqlStorage.Migrations));
    }

    [TestCase("AspNetUsers", "CreatedAt", "timestamp with time zone")]
    [TestCase("AspNetUsers", "LockoutEnd", "timestamp with time zone")]
    [TestCase("AspNetUsers", "Id", "integer")]
    [TestCase("AspNetUsers", "Email", "text")]
    [TestCase("UserSessions", "Key", "bigint")]
    [TestCase("UserSessions", "UserId", "integer")]
    [TestCase("UserSessions", "LastSeenAt", "timestamp with time zone")]
    [TestCase("AuditEntries", "Id", "bigint")]
    public async Task A_column_has_the_type_that_PostgreSQL_has_for_it(string table, string column, string type)
    {
        await using var application = new AuthApiApplication(store: TestedStore.PostgreSql);

        var found = await application.QueryAsync(context => context.Database.SqlQuery<string>(
            $"""SELECT data_type::text AS "Value" FROM information_schema.columns WHERE table_name = {table} AND column_name = {column}""").SingleAsync());

        Assert.That(found, Is.EqualTo(type));
    }

    [Test]
    public async Task Two_programs_that_start_at_once_migrate_once()
    {
        var database = await _server.CreateDatabaseAsync();
        using var folder = new TemporaryFolder();

        var programs = await Task.WhenAll(StartAsync(), StartAsync());

        using var first = programs[0].NewBrowser();
        using var second = programs[1].NewBrowser();
        await first.RegisterAsync();
        await second.LogInAsync();
        Assert.That(await first.MeAsync(), Is.EqualTo(HttpStatusCode.Unauthorized), "its own cookie jar");
        Assert.That(await second.MeAsync(), Is.EqualTo(HttpStatusCode.OK));
        Assert.That(await _server.QueryAsync(database, """SELECT "MigrationId" FROM "__EFMigrationsHistory" """), Is.EqualTo(PostgreSqlStorage.Migrations));
        Assert.That(await _server.QueryAsync(database, """SELECT count(*) FROM "DataProtectionKeys" """), Is.EqualTo(new[] { "1" }), "one key for both");
        foreach (var program in programs)
        {
            await program.DisposeAsync();
        }

        Task<RunningProgram> StartAsync() => RunningProgram.StartAsync(folder.Path, Arguments(_server.ConnectionString(database)));
    }

    [Test]
    [CancelAfter(60_000)]
    public async Task A_schema_of_an_older_version_is_migrated(CancellationToken cancellationToken)
    {
        var connectionString = _server.ConnectionString(await _server.CreateDatabaseAsync());
        await using (var context = new PostgreSqlAuthDbContext(new DbContextOptionsBuilder<PostgreSqlAuthDbContext>().UseNpgsql(connectionString).Options))
        {
            await context.Database.MigrateAsync(PostgreSqlStorage.Migrations[0], cancellationToken);
        }

        await using var application = new AuthApiApplication(settings: new() { ["ConnectionStrings:Auth"] = connectionString }, store: TestedStore.PostgreSql);
        await Task.Run(application.StartServer, cancellationToken).WaitAsync(cancellationToken);

        using var browser = await application.NewLoggedInBrowserAsync();
        Assert.That(await browser.MeAsync(), Is.EqualTo(HttpStatusCode.OK));
    }

    [Test]
    public async Task A_node_waits_for_another_one_that_migrates()
    {
        var database = await _server.CreateDatabaseAsync();
        await using var migrating = new Npgsql.NpgsqlConnection(_server.ConnectionString(database) + ";Pooling=false");
        await migrating.OpenAsync();
        await using (var hold = new Npgsql.NpgsqlCommand($"SELECT pg_advisory_lock({PostgreSqlStorage.MigrationLock})", migrating))
        {
            await hold.ExecuteNonQueryAsync();
        }

        await using var application = new AuthApiApplication(settings: new() { ["ConnectionStrings:Auth"] = _server.ConnectionString(database) }, store: TestedStore.PostgreSql);
        var start = Task.Run(application.StartServer);
        Assert.That(
            () => _server.QueryAsync(database, "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted").Result,
            Is.EqualTo(new[] { "1" }).After(30_000, 20));
        Assert.That(start.IsCompleted, Is.False);
        Assert.That(await _server.QueryAsync(database, """SELECT to_regclass('"AspNetUsers"') IS NULL"""), Is.EqualTo(new[] { "True" }));

        await migrating.CloseAsync();
        await start;

        using var browser = await application.NewLoggedInBrowserAsync();
        Assert.That(await browser.MeAsync(), Is.EqualTo(HttpStatusCode.OK));
    }

    [Test]
    public async Task A_mailed_code_is_good_though_the_account_was_changed_meanwhile()
    {
        await using var application = new AuthApiApplication(store: TestedStore.PostgreSql);
        using var browser = application.NewBrowser();
        var id = await browser.RegisterAsync();
        await application.QueryAsync(async context =>
        {
            await using var transaction = await context.Database.BeginTransactionAsync();
            await context.Users.LockAsync(id);
            using var asked = await browser.PostAsync("/password/forgot/", new { email = "ada@example.com" });
            Assert.That(() => Waiting().Result, Is.EqualTo(1).After(30_000, 20), "for the account, with the code");
            await context.Users.ExecuteUpdateAsync(update => update.SetProperty(user => user.SecurityStamp, "another"));
            await transaction.CommitAsync();
            return true;
        });

        var code = await application.NextCodeAsync();
        using var reset = await browser.PostAsync("/password/reset/", new { email = "ada@example.com", code, newPassword = "staple battery horse correct" });

        Assert.That(reset.StatusCode, Is.EqualTo(HttpStatusCode.NoContent), await reset.Content.ReadAsStringAsync());

        Task<int> Waiting()
        {
            application.Time.Advance(TimeSpan.FromMilliseconds(20));
            return application.QueryAsync(context => context.Database.SqlQuery<int>(
                $"SELECT count(*)::int AS \"Value\" FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'").SingleAsync());
        }
    }

    [Test]
    public async Task A_database_of_a_newer_version_stops_the_start()
    {
        var database = await _server.CreateDatabaseAsync();
        await _server.ExecuteAsync(
            database,
            """
            CREATE TABLE "__EFMigrationsHistory" ("MigrationId" text PRIMARY KEY, "ProductVersion" text NOT NULL);
            INSERT INTO "__EFMigrationsHistory" VALUES ('29990101000000_FromTheFuture', '99.0')
            """);

        Assert.That(await ErrorAsync(_server.ConnectionString(database)), Does.Contain("29990101000000_FromTheFuture"));
    }

    [Test]
    public async Task A_running_node_goes_on_when_a_newer_one_migrates()
    {
        var database = await _server.CreateDatabaseAsync();
        await using var application = new AuthApiApplication(settings: new() { ["ConnectionStrings:Auth"] = _server.ConnectionString(database) }, store: TestedStore.PostgreSql);
        using var browser = await application.NewLoggedInBrowserAsync();
        for (var i = 0; i < 10; i++)
        {
            // Often enough that the server has planned its statements once for all.
            using var other = application.NewBrowser();
            await other.LogInAsync();
            await other.MeAsync();
            using var logout = await other.LogOutAsync();
        }

        await _server.ExecuteAsync(
            database,
            """
            ALTER TABLE "AspNetUsers" ADD COLUMN "New" text;
            ALTER TABLE "UserSessions" ADD COLUMN "New" text;
            ALTER TABLE "AuditEntries" ADD COLUMN "New" integer NOT NULL DEFAULT 0;
            CREATE INDEX ON "UserSessions" ("New");
            INSERT INTO "__EFMigrationsHistory" VALUES ('29990101000000_FromTheFuture', '99.0')
            """);

        Assert.That(await browser.MeAsync(), Is.EqualTo(HttpStatusCode.OK));
        using var second = application.NewBrowser();
        await second.LogInAsync();
        foreach (var client in new[] { browser, second })
        {
            using var logout = await client.LogOutAsync();
            Assert.That(logout.StatusCode, Is.EqualTo(HttpStatusCode.OK));
            Assert.That(await client.MeAsync(), Is.EqualTo(HttpStatusCode.Unauthorized));
        }
    }

    [Test]
    public async Task A_user_who_may_not_migrate_stops_the_start()
    {
        var database = await _server.CreateDatabaseAsync();
        await _server.ExecuteAsync(database, $"CREATE ROLE \"{database}\" LOGIN PASSWORD 'weak'");

        Assert.That(await ErrorAsync(_server.ConnectionString(database, database, "weak")), Does.Contain("may not migrate"));
    }

    [Test]
    public async Task A_user_who_may_only_read_and_write_rows_serves_what_another_has_migrated()
    {
        await using var application = new AuthApiApplication(store: TestedStore.PostgreSql);
        application.StartServer();
        var database = application.Services.GetRequiredService<PostgreSqlStorage>().Database;
        await _server.ExecuteAsync(
            database,
            $"""
            CREATE ROLE "{database}" LOGIN PASSWORD 'weak';
            GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO "{database}";
            """);
        await using var node = new AuthApiApplication(
            settings: new() { ["ConnectionStrings:Auth"] = _server.ConnectionString(database, database, "weak"), ["RateLimiting:Enabled"] = "true" }, store: TestedStore.PostgreSql);

        using var browser = await node.NewLoggedInBrowserAsync();

        using var loggedOut = await browser.LogOutAsync();
        Assert.That(loggedOut.StatusCode, Is.EqualTo(HttpStatusCode.OK));
        await _server.ExecuteAsync(database, $"DROP OWNED BY \"{database}\"");
    }

    [Test]
    public async Task A_server_that_cannot_serve_is_refused_before_it_is_changed()
    {
        var database = await _server.CreateDatabaseAsync();
        await _server.ExecuteAsync("postgres", $"ALTER DATABASE \"{database}\" SET synchronous_commit = off");

        Assert.That(await ErrorAsync(_server.ConnectionString(database)), Does.Contain("has synchronous_commit off"));

        Assert.That(await _server.QueryAsync(database, "SELECT count(*) FROM information_schema.tables WHERE table_schema = 'public'"), Is.EqualTo(new[] { "0" }));
    }

    [Test]
    public async Task A_standby_is_refused_before_anything_is_migrated()
    {
        await using var primary = await PostgreSqlServer.StartAsync();
        var database = await primary.CreateDatabaseAsync();
        await using var standby = await primary.StartStandbyAsync();

        Assert.That(await ErrorAsync(standby.ConnectionString(database)), Does.Contain("names a server that is a standby, or takes no writes; name the primary"));
    }

    [Test]
    public async Task A_wrong_password_stops_the_start()
    {
        Assert.That(await ErrorAsync(_server.ConnectionString("postgres", password: "wrong")), Does.Contain("password"));
    }

    [Test]
    public async Task A_database_that_is_not_there_stops_the_start()
    {
        Assert.That(await ErrorAsync(_server.ConnectionString("nowhere")), Does.Contain("nowhere"));
    }

    [Test]
    public async Task A_server_without_free_connections_stops_the_start()
    {
        await using var server = await PostgreSqlServer.StartAsync([.. PostgreSqlServer.WithoutSyncs, "max_connections=8"]);
        await using (var application = new AuthApiApplication(settings: new() { ["ConnectionStrings:Auth"] = server.ConnectionString("postgres") }, store: TestedStore.PostgreSql))
        {
            application.StartServer();
        }

        var taken = new Stack<Npgsql.NpgsqlConnection>();
        var full = await Assert.ThrowsAsync<Npgsql.PostgresException>(async () =>
        {
            while (true)
            {
                var connection = new Npgsql.NpgsqlConnection(server.ConnectionString("postgres") + ";Pooling=false");
                await connection.OpenAsync();
                taken.Push(connection);
            }
        });
        Assert.That(full!.SqlState, Is.EqualTo(Npgsql.PostgresErrorCodes.TooManyConnections));

        var arguments = Arguments(server.ConnectionString("postgres"));
        await IsRefusedAsync($"ConnectionStrings:Auth cannot be used: 53300: sorry, too many clients already (127.0.0.1:{server.Port}/postgres)");

        // One is enough to look at the schema, and not for the store beside it.
        await taken.Pop().DisposeAsync();
        await IsRefusedAsync($"PostgreSQL at 127.0.0.1:{server.Port}/postgres cannot be used: 53300: sorry, too many clients already");
        while (taken.TryPop(out var connection))
        {
            await connection.DisposeAsync();
        }

        async Task IsRefusedAsync(string line)
        {
            using var folder = new TemporaryFolder();
            Assert.That(await ProgramInProcess.RunToEndAsync(folder.Path, arguments), Is.EqualTo((1, "", $"AuthApi does not start: {line}{Environment.NewLine}")));
        }
    }

    [Test]
    public async Task A_text_that_the_database_refuses_is_recognized()
    {
        await using var application = new AuthApiApplication(store: TestedStore.PostgreSql);

        var text = "a\0";

        var nul = await Assert.ThrowsAsync<Npgsql.PostgresException>(() => application.QueryAsync(context => context.Users.AnyAsync(user => user.Email == text)));
        var tooLong = await Assert.ThrowsAsync<Npgsql.PostgresException>(() => application.QueryAsync(context => context.Database.ExecuteSqlRawAsync("CREATE TEMP TABLE t (c varchar(1)); INSERT INTO t VALUES ('ab')")));
        var other = await Assert.ThrowsAsync<Npgsql.PostgresException>(() => application.QueryAsync(context => context.Database.ExecuteSqlRawAsync("SELECT 1/0")));

        Assert.That((StoreErrors.IsRefusedText(nul), StoreErrors.IsRefusedText(tooLong), StoreErrors.IsRefusedText(other)), Is.EqualTo((true, true, false)));
    }

    private static string[] Arguments(string connectionString) => ["--Database:Provider=PostgreSql", $"--ConnectionStrings:Auth={connectionString}"];

    private static async Task<string> ErrorAsync(string connectionString)
    {
        using var folder = new TemporaryFolder();
        var (exitCode, output, error) = await ProgramInProcess.RunToEndAsync(folder.Path, Arguments(connectionString));

        Assert.That((exitCode, output), Is.EqualTo((1, "")), error);
        Assert.That(error.TrimEnd().Split('\n'), Has.Length.EqualTo(1), error);
        Assert.That(error, Does.StartWith("AuthApi does not start: ConnectionStrings:Auth "));
        return error;
    }
}
