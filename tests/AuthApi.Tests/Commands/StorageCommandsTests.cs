using System.Diagnostics;
using System.Net;
using System.Text.Json;
using System.Text.Json.Nodes;
using AuthApi.Storage;
using AuthApi.Tests.Harness;
using Microsoft.Data.Sqlite;
using Npgsql;

namespace AuthApi.Tests.Commands;

/// <summary>The commands of the database: each as an operator runs it, in a process of its own, and in this process where it is refused or was run so before.</summary>
internal sealed class StorageCommandsTests
{
    private TemporaryFolder _folder = null!;

    private string DatabaseFile => Path.Combine(_folder.Path, "data", "auth.db");

    [SetUp]
    public void SetUp() => _folder = new TemporaryFolder();

    [TearDown]
    public void TearDown() => _folder.Dispose();

    [TestCase(TestedStore.Sqlite)]
    [TestCase(TestedStore.PostgreSql)]
    public async Task Migrate_says_what_is_pending_and_does_it_once(TestedStore store)
    {
        var settings = await store.SettingsAsync();
        var migrations = store == TestedStore.Sqlite ? SqliteFile.Migrations : PostgreSqlStorage.Migrations;

        var empty = await RunHereJsonAsync(0, ["migrate", "--check", "--json", .. settings]);
        Assert.That(empty["pending"]!.AsArray().Select(migration => (string?)migration!["id"]), Is.EqualTo(migrations));
        Assert.That(File.Exists(DatabaseFile), Is.False, "it only looked");

        var migrated = await RunJsonAsync(0, ["migrate", "--json", .. settings]);
        Assert.That(migrated["applied"]!.AsArray().Select(migration => (string?)migration), Is.EqualTo(migrations));

        var (exitCode, output, error) = await ProgramInProcess.RunToEndAsync(_folder.Path, ["migrate", "--check", .. settings]);
        Assert.That((exitCode, error), Is.EqualTo((0, "")));
        Assert.That(output, Does.Contain($"{migrations.Length} migrations applied, 0 pending.").And.Contain("Nothing is pending."));
    }

    [TestCase(TestedStore.Sqlite)]
    [TestCase(TestedStore.PostgreSql)]
    public async Task Create_admin_reads_the_password_from_standard_input(TestedStore store)
    {
        var settings = await store.SettingsAsync();

        var created = await RunningProgram.RunWithInputAsync(_folder.Path, Browser.Password + "\n", ["create-admin", "ada@example.com", "--json", .. settings]);
        Assert.That(created.ExitCode, Is.Zero, created.Error);
        Assert.That((string?)JsonNode.Parse(created.Output)!["email"], Is.EqualTo("ada@example.com"));
        Assert.That(created.Output + created.Error, Does.Not.Contain("horse"));

        foreach (var (address, password, reason) in new[]
        {
            ("ada@example.com", Browser.Password, "there is an account with the address ada@example.com already, user 1"),
            ("eve@example.com", "short", "at least 15 characters"),
            ("eve", Browser.Password, "'eve' is no address"),
        })
        {
            var refused = await RunningProgram.RunWithInputAsync(_folder.Path, password, ["create-admin", address, .. settings]);
            Assert.That((refused.ExitCode, refused.Output), Is.EqualTo((1, "")), reason);
            Assert.That(refused.Error, Does.StartWith("AuthApi create-admin: ").And.Contain(reason));
        }

        await using var program = await RunningProgram.StartAsync(_folder.Path, settings);
        using var browser = program.NewBrowser();
        await browser.LogInAsync();
        using var me = await browser.GetAsync("/me/");
        Assert.That((string?)(await me.JsonAsync())["roles"]![0], Is.EqualTo("Admin"));

        var served = await RunningProgram.RunWithInputAsync(_folder.Path, Browser.Password, ["create-admin", "bob@example.com", .. settings]);
        Assert.That(served.ExitCode, Is.Zero, served.Error);
        using var bob = program.NewBrowser();
        await bob.LogInAsync("bob@example.com");
    }

    [Test]
    public async Task A_file_of_a_newer_version_is_named_and_left_alone()
    {
        MigratedDatabase.CopyTo(DatabaseFile);
        await ExecuteAsync("""INSERT INTO "__EFMigrationsHistory" VALUES ('29990101000000_FromTheFuture', '99.0')""");
        var settings = await TestedStore.Sqlite.SettingsAsync();

        var check = await RunHereJsonAsync(4, ["migrate", "--check", "--json", .. settings]);
        Assert.That((string?)check["newer"]![0], Is.EqualTo("29990101000000_FromTheFuture"));
        Assert.That((bool?)check["mayRoll"], Is.False);

        foreach (var command in new[] { new[] { "migrate" }, ["create-admin", "ada@example.com"] })
        {
            var (exitCode, output, error) = await RunningProgram.RunWithInputAsync(_folder.Path, Browser.Password, [.. command, .. settings]);
            Assert.That((exitCode, output), Is.EqualTo((1, "")));
            Assert.That(error, Does.Contain("29990101000000_FromTheFuture"));
        }
    }

    [Test]
    public async Task A_schema_of_the_version_before_may_or_may_not_be_rolled()
    {
        var server = await PostgreSqlServer.SharedAsync();
        var settings = await TestedStore.PostgreSql.SettingsAsync();
        var database = settings[1].Split("Database=")[1].Split(';')[0];
        await RunHereJsonAsync(0, ["migrate", "--json", .. settings]);
        await server.ExecuteAsync(database, $"""DELETE FROM "__EFMigrationsHistory" WHERE "MigrationId" = '{PostgreSqlStorage.Migrations[1]}'""");

        // The queue of messages is another table; the first migration has a unique index.
        Assert.That((bool?)(await RunHereJsonAsync(0, ["migrate", "--check", "--json", .. settings]))["mayRoll"], Is.True);
        await server.ExecuteAsync(database, $"""DELETE FROM "__EFMigrationsHistory" WHERE "MigrationId" = '{PostgreSqlStorage.Migrations[0]}'""");

        var check = await RunHereJsonAsync(3, ["migrate", "--check", "--json", .. settings]);
        Assert.That((string?)check["advice"], Does.StartWith("Stop all nodes"));
    }

    [TestCase(true)]
    [TestCase(false)]
    public async Task A_file_is_copied_as_a_whole(bool withSessions)
    {
        // A file with an account that has a role, a passkey, sessions and events, and one that has each factor.
        var certificate = TestCertificate.Create(_folder.Path, "ring");
        string[] ring = withSessions ? [$"--DataProtection:CertificatePath={certificate.Path}", $"--DataProtection:CertificateKeyPath={certificate.KeyPath}"] : [];
        var database = await TestedStore.PostgreSql.SettingsAsync();
        string[] target = [.. database, .. ring];
        var tokens = new Dictionary<string, string>();
        using var passkey = new SoftwareAuthenticator();
        AuthenticatorApp app;
        string recoveryCode;
        await using (var program = await RunningProgram.StartAsync(_folder.Path, ring))
        {
            using var browser = program.NewBrowser();
            await browser.RegisterAsync("eve@example.com");
            await browser.RegisterAsync();
            await browser.LogInAsync();
            tokens = browser.Cookies;
            using var other = program.NewBrowser();
            await other.LogInAsync("eve@example.com");
            (app, recoveryCode) = await AddFactorsAsync(other, passkey);
            using var left = await other.LogOutAsync();
            using var gone = program.NewBrowser();
            await gone.RegisterAsync("mallory@example.com");
            await gone.LogInAsync("mallory@example.com");
            using var deleted = await gone.DeleteAsync("/me/");
            Assert.That(deleted.StatusCode, Is.EqualTo(HttpStatusCode.NoContent));
            Assert.That((await RunCopyHereAsync(target)).Error, Does.Contain("another process serves"));
            await program.TerminateAsync();
            await program.Ended;
        }

        await ExecuteAsync(
            """
            INSERT INTO "AspNetRoles" ("Id", "Name", "NormalizedName") VALUES (7, 'Admin', 'ADMIN');
            INSERT INTO "AspNetUserRoles" ("UserId", "RoleId") VALUES (2, 7);
            INSERT INTO "AspNetUserPasskeys" ("CredentialId", "UserId", "Data") VALUES (x'0102', 2, '{"AttestationObject":"01","ClientDataJson":"01","CreatedAt":1767225600000,"IsBackedUp":true,"IsBackupEligible":true,"IsUserVerified":true,"Name":"phone","PublicKey":"01","SignCount":3,"Transports":["internal"]}')
            """);
        var events = await ScalarAsync("""SELECT count(*) FROM "AuditEntries" """);
        if (withSessions)
        {
            Assert.That((await RunCopyHereAsync(database)).Error, Does.Contain("encrypt 1 keys of authenticator apps cannot be decrypted").And.Contain("DataProtection:CertificatePath"));
        }

        var (exitCode, output, error) = await RunCopyAsync(target, withSessions ? "--with-sessions" : "--json");

        Assert.That(exitCode, Is.Zero, error);
        if (withSessions)
        {
            Assert.That(output, Does.Contain("AspNetUsers             2").And.Contain("UserSessions            1"));
        }
        else
        {
            var result = JsonNode.Parse(output)!;
            Assert.That((long?)result["sessionsLeft"], Is.EqualTo(1));
            Assert.That((long?)result["tables"]!["AuditEntries"], Is.EqualTo(events));
        }

        // It is served with everything in it, and new rows have new ids.
        await using (var node = await RunningProgram.StartAsync(_folder.Path, target))
        {
            using var onNode = node.NewBrowser();
            onNode.Cookies.Add(tokens.Keys.Single(), tokens.Values.Single());
            Assert.That(await onNode.MeAsync(), Is.EqualTo(withSessions ? HttpStatusCode.OK : HttpStatusCode.Unauthorized));
            await onNode.LogInAsync();
            using var me = await onNode.GetAsync("/me/");
            Assert.That(((int?)(await me.JsonAsync())["id"], (string?)(await me.JsonAsync())["roles"]![0]), Is.EqualTo((2, "Admin")));
            using var export = await onNode.GetAsync("/me/export/");
            Assert.That((string?)(await export.JsonAsync())["passkeys"]![0]!["createdAt"], Is.EqualTo("2026-01-01T00:00:00.000Z"));
            Assert.That(await onNode.RegisterAsync("bob@example.com"), Is.EqualTo(4), "3 was deleted, and events have it");

            // With each factor of the other account.
            foreach (var factor in new object[] { new { twoFactorCode = app.Code(1) }, new { twoFactorRecoveryCode = recoveryCode } })
            {
                var login = JsonSerializer.SerializeToNode(factor)!.AsObject();
                (login["email"], login["password"]) = ("eve@example.com", Browser.Password);
                using var response = await onNode.PostAsync("/login/", login);
                Assert.That(response.StatusCode, Is.EqualTo(HttpStatusCode.OK), await response.Content.ReadAsStringAsync());
            }

            passkey.Origin = node.Address.GetLeftPart(UriPartial.Authority);
            using var options = await onNode.PostAsync("/login/passkey/options/");
            using var byPasskey = await onNode.PostAsync("/login/passkey/", new { credential = passkey.Get(await options.JsonAsync()) });
            Assert.That(byPasskey.StatusCode, Is.EqualTo(HttpStatusCode.OK), await byPasskey.Content.ReadAsStringAsync());
        }

        // Not twice.
        var again = await RunCopyHereAsync(target);
        Assert.That((again.ExitCode, again.Output), Is.EqualTo((1, "")));
        Assert.That(again.Error, Does.Contain("is not empty"));
    }

    [Test]
    public async Task A_copy_that_fails_leaves_nothing_behind()
    {
        MigratedDatabase.CopyTo(DatabaseFile);
        await ExecuteAsync("""INSERT INTO "AspNetRoles" ("Id", "Name", "NormalizedName") VALUES (7, 'Admin', 'ADMIN'), (8, 'Nul' || char(0), 'NUL')""");
        var target = await TestedStore.PostgreSql.SettingsAsync();

        var failed = await RunCopyHereAsync(target);
        Assert.That((failed.ExitCode, failed.Output), Is.EqualTo((1, "")));
        Assert.That(failed.Error, Does.Contain("NUL in AspNetRoles.Name"));

        // A key of an app whose key of Data Protection is lost.
        await ExecuteAsync("""DELETE FROM "AspNetRoles" WHERE "Id" = 8""");
        await ExecuteAsync(
            $"""
            INSERT INTO "AspNetUsers" ("Id", "AccessFailedCount", "CreatedAt", "EmailConfirmed", "LockoutEnabled", "LockoutEnd", "PhoneNumberConfirmed", "TwoFactorEnabled") VALUES (7, 0, 0, 1, 1, {DateTimeOffset.MaxValue.ToUnixTimeMilliseconds()}, 0, 1);
            INSERT INTO "AspNetUserTokens" ("UserId", "LoginProvider", "Name", "Value") VALUES (7, '[AspNetUserStore]', 'AuthenticatorKey', '{Convert.ToBase64String([0x09, 0xF0, 0xC9, 0xF0, .. new byte[80]])}')
            """);
        var withoutRing = await RunCopyHereAsync(target);
        Assert.That((withoutRing.ExitCode, withoutRing.Output), Is.EqualTo((1, "")));
        Assert.That(withoutRing.Error, Does.Contain("has not the keys of Data Protection that encrypt 1 keys of authenticator apps").And.Contain("--without-keys"));

        Assert.That((await RunCopyHereAsync(target, "--without-keys")).ExitCode, Is.Zero);
        var server = await PostgreSqlServer.SharedAsync();
        Assert.That(
            await server.QueryAsync(new NpgsqlConnectionStringBuilder(target[1].Split('=', 2)[1]).Database!, """SELECT "LockoutEnd" = 'infinity' FROM "AspNetUsers" """),
            Is.EqualTo(new[] { "True" }), "locked for ever");
        Assert.That((await RunCopyHereAsync([])).Error, Does.Contain("Database:Provider must be PostgreSql"));
    }

    [Test]
    [Platform(Exclude = "Win")]
    [System.Runtime.Versioning.UnsupportedOSPlatform("windows")]
    public async Task A_dump_is_one_state_and_its_restore_revives_no_session()
    {
        var server = await PostgreSqlServer.SharedAsync();
        var source = await TestedStore.PostgreSql.SettingsAsync();
        var target = await TestedStore.PostgreSql.SettingsAsync();
        var database = new NpgsqlConnectionStringBuilder(target[1].Split('=', 2)[1]).Database!;
        var (dump, arguments) = (Path.Combine(_folder.Path, "auth.dump"), Path.Combine(_folder.Path, "arguments"));
        string token;
        await using (var program = await RunningProgram.StartAsync(_folder.Path, source))
        {
            using var ada = program.NewBrowser();
            await ada.RegisterAsync();
            await ada.LogInAsync();
            token = ada.Token;
            using var app = await ada.PostAsync("/two-factor/setup/");
            Assert.That(app.StatusCode, Is.EqualTo(HttpStatusCode.OK));

            // The real one, which says what arguments it got. Of two hosts the primary is copied.
            var hosts = source[1].Replace("Host=127.0.0.1", $"Host=\"127.0.0.1:{server.Port},127.0.0.1\"", StringComparison.Ordinal);
            var tools = ToolsOf("exec \"$(ls -d /usr/lib/postgresql/*/bin/\"$(basename \"$0\")\" | sort -V | tail -1)\" \"$@\"", $"echo \"$@\" >>'{arguments}'");
            var copied = await JsonAsync(["backup", dump, "--json", "--tools", tools, source[0], hosts]);
            Assert.That(((long?)copied["size"], (bool?)copied["hasKeys"]), Is.EqualTo((new FileInfo(dump).Length, true)));
            Assert.That((await File.ReadAllTextAsync(arguments)).Replace(_folder.Path, "", StringComparison.Ordinal), Does.Contain("--format=custom").And.Not.Contain(PostgreSqlServer.Password));
            Assert.That(File.GetUnixFileMode(dump), Is.EqualTo(UnixFileMode.UserRead | UnixFileMode.UserWrite));
            using var left = await ada.LogOutAsync();
        }

        await RefusedAsync("cannot be made", ["backup", dump, .. source]);
        await RefusedAsync("is not empty: it has public.AspNetRoleClaims, ", ["restore", dump, "--yes", .. source]);
        Assert.That((await RunningProgram.RunAloneAsync(_folder.Path, ["restore", dump, .. target])).Error, Does.Contain("1 sessions are ended. Nothing was changed: add --yes"));
        await RefusedAsync("is a dump of PostgreSQL", ["restore", dump, "--yes"]);

        var restored = await JsonAsync(["restore", dump, "--yes", "--json", .. target]);
        Assert.That(((int?)restored["endedSessions"], restored["missingKeys"]!.AsArray().Count), Is.EqualTo((1, 0)));
        Assert.That(
            await server.QueryAsync(database, """SELECT "UserId", "Reason" FROM "AuditEntries" WHERE "Event" = 'SessionRevoked' AND "SessionId" IS NOT NULL"""),
            Is.EqualTo(new[] { "1 restore" }));
        await using var again = await RunningProgram.StartAsync(_folder.Path, target);
        using var thief = again.NewBrowser();
        thief.Cookies["session"] = token;
        Assert.That(await thief.MeAsync(), Is.EqualTo(HttpStatusCode.Unauthorized));
        await thief.LogInAsync();
        Assert.That(await thief.RegisterAsync("bob@example.com"), Is.EqualTo(2), "ids go on");
    }

    [Test]
    [Platform(Exclude = "Win")]
    [System.Runtime.Versioning.UnsupportedOSPlatform("windows")]
    public async Task A_dump_that_cannot_be_made_or_restored_changes_nothing()
    {
        var server = await PostgreSqlServer.SharedAsync();
        var source = await TestedStore.PostgreSql.SettingsAsync();
        var target = await TestedStore.PostgreSql.SettingsAsync();
        var database = new NpgsqlConnectionStringBuilder(source[1].Split('=', 2)[1]).Database!;
        var dump = Path.Combine(_folder.Path, "auth.dump");
        await RefusedAsync("is no database of AuthApi", ["backup", dump, .. source]);
        await JsonAsync(["migrate", "--json", .. source]);

        // Without the tools, with old ones, and without rights.
        await RefusedAsync("pg_dump was not found in /nowhere", ["backup", dump, "--tools", "/nowhere", .. source]);
        await RefusedAsync("is version 9", ["backup", dump, "--tools", ToolsOf("echo 'pg_dump (PostgreSQL) 9.6.24'"), .. source]);
        await server.ExecuteAsync(database, $"""CREATE ROLE "{database}" LOGIN PASSWORD 'weak'; GRANT SELECT ON "__EFMigrationsHistory" TO "{database}" """);
        await RefusedAsync("permission denied", ["backup", dump, source[0], $"--ConnectionStrings:Auth={server.ConnectionString(database, database, "weak")}"]);
        await server.ExecuteAsync(database, $"DROP OWNED BY \"{database}\"; DROP ROLE \"{database}\"");

        // A full disk: no file of the process may be longer than 128 KB.
        await server.ExecuteAsync(database, """INSERT INTO "AuditEntries" ("At", "Event", "Reason") SELECT now(), 'SignedIn', md5(random()::text) FROM generate_series(1, 20000)""");
        var full = new ProcessStartInfo("bash", ["-c", "trap '' XFSZ; ulimit -f 128; exec \"$@\"", "bash", "dotnet", await PublishedProgram.FileAsync(), "backup", dump, .. source])
        {
            WorkingDirectory = _folder.Path,
            RedirectStandardError = true,
            RedirectStandardOutput = true,
        };
        full.Environment["DOTNET_EnableWriteXorExecute"] = "0"; // which takes a long file in memory
        using (var process = Process.Start(full)!)
        {
            var error = await process.StandardError.ReadToEndAsync();
            await process.WaitForExitAsync();
            Assert.That((process.ExitCode, File.Exists(dump)), Is.EqualTo((1, false)), error);
            Assert.That(error, Does.StartWith("AuthApi backup: ").And.Contain("could not be copied").And.Contain("File too large"));
        }

        // What is no dump, is cut off, or is of a newer version.
        await File.WriteAllTextAsync(dump, new string('x', 8_192));
        await RefusedAsync("is no dump", ["restore", dump, "--yes", .. target]);
        MigratedDatabase.CopyTo(DatabaseFile);
        await RefusedAsync("is an SQLite file", ["restore", DatabaseFile, "--yes", .. target]);
        File.Delete(dump);
        await JsonAsync(["backup", dump, "--json", .. source]);
        var cut = Path.Combine(_folder.Path, "cut.dump");
        await File.WriteAllBytesAsync(cut, (await File.ReadAllBytesAsync(dump))[..^50_000]);
        await RefusedAsync("pg_restore", ["restore", cut, "--yes", .. target]);
        await server.ExecuteAsync(database, """INSERT INTO "__EFMigrationsHistory" VALUES ('29990101000000_FromTheFuture', '99.0')""");
        File.Delete(dump);
        await JsonAsync(["backup", dump, "--json", .. source]);
        await RefusedAsync("newer version, with the migration 29990101000000_FromTheFuture", ["restore", dump, "--yes", .. target]);
        Assert.That(
            await server.QueryAsync(new NpgsqlConnectionStringBuilder(target[1].Split('=', 2)[1]).Database!, "SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace"),
            Is.EqualTo(new[] { "0" }));
    }

    private static async Task<(AuthenticatorApp App, string RecoveryCode)> AddFactorsAsync(Browser caller, SoftwareAuthenticator passkey)
    {
        using var setup = await caller.PostAsync("/two-factor/setup/");
        var app = new AuthenticatorApp((await setup.JsonAsync())["sharedKey"]!.GetValue<string>(), TimeProvider.System);
        using var enabled = await caller.PostAsync("/two-factor/enable/", new { code = app.Code() });
        passkey.Origin = caller.Address.GetLeftPart(UriPartial.Authority);
        using var options = await caller.PostAsync("/passkeys/options/");
        using var added = await caller.PostAsync("/passkeys/", new { credential = passkey.Create(await options.JsonAsync()), name = "Phone" });
        Assert.That(added.StatusCode, Is.EqualTo(HttpStatusCode.Created), await added.Content.ReadAsStringAsync());
        return (app, (await enabled.JsonAsync())["recoveryCodes"]![0]!.GetValue<string>());
    }

    // Programs with PostgreSQL's names that run these lines.
    [System.Runtime.Versioning.UnsupportedOSPlatform("windows")]
    private string ToolsOf(string last, string first = "")
    {
        var folder = Directory.CreateDirectory(Path.Combine(_folder.Path, $"tools-{Guid.CreateVersion7()}")).FullName;
        foreach (var name in new[] { "pg_dump", "pg_restore" })
        {
            File.WriteAllText(Path.Combine(folder, name), $"#!/bin/sh\n{first}\n{last}\n");
            File.SetUnixFileMode(Path.Combine(folder, name), UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        }

        return folder;
    }

    private async Task<JsonNode> JsonAsync(string[] arguments)
    {
        var (exitCode, output, error) = await ProgramInProcess.RunToEndAsync(_folder.Path, arguments);
        Assert.That((exitCode, error), Is.EqualTo((0, "")));
        return JsonNode.Parse(output)!;
    }

    private async Task RefusedAsync(string reason, string[] arguments)
    {
        var (exitCode, output, error) = await ProgramInProcess.RunToEndAsync(_folder.Path, arguments);
        Assert.That((exitCode, output), Is.EqualTo((1, "")), error);
        Assert.That(error, Does.StartWith($"AuthApi {arguments[0]}: ").And.Contain(reason));
        Assert.That(error.TrimEnd().Split('\n'), Has.Length.EqualTo(1), error);
    }

    private Task<(int ExitCode, string Output, string Error)> RunCopyAsync(string[] settings, params string[] options) =>
        RunningProgram.RunAloneAsync(_folder.Path, ["copy-to-postgresql", "data/auth.db", .. options, .. settings]);

    private Task<(int ExitCode, string Output, string Error)> RunCopyHereAsync(string[] settings, params string[] options) =>
        ProgramInProcess.RunToEndAsync(_folder.Path, ["copy-to-postgresql", DatabaseFile, .. options, .. settings]);

    private async Task<JsonNode> RunHereJsonAsync(int expected, string[] arguments)
    {
        var (exitCode, output, error) = await ProgramInProcess.RunToEndAsync(_folder.Path, arguments);
        Assert.That((exitCode, error), Is.EqualTo((expected, "")));
        return JsonNode.Parse(output)!;
    }

    private async Task<JsonNode> RunJsonAsync(int expected, string[] arguments)
    {
        var (exitCode, output, error) = await RunningProgram.RunAloneAsync(_folder.Path, arguments);
        Assert.That((exitCode, error), Is.EqualTo((expected, "")));
        return JsonNode.Parse(output)!;
    }

    private async Task ExecuteAsync(string sql) => await ScalarAsync(sql);

    private async Task<long?> ScalarAsync(string sql)
    {
        await using var connection = new SqliteConnection($"Data Source={DatabaseFile};Pooling=False");
        await connection.OpenAsync();
        await using var command = connection.CreateCommand();
        command.CommandText = sql;
        return (long?)await command.ExecuteScalarAsync();
    }
}
