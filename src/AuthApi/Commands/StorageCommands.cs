using System.CommandLine;
using System.Globalization;
using AuthApi.Backups;
using AuthApi.Startup;
using AuthApi.Storage;
using Microsoft.Extensions.Options;

namespace AuthApi.Commands;

/// <summary>The commands of the database.</summary>
internal static class StorageCommands
{
    private const int StopFirst = 3;
    private const int NewerVersion = 4;

    private static readonly Option<bool> Check = new("--check") { Description = "Change nothing. Say whether nodes of this version may be started beside running ones." };

    private static readonly Option<bool> WithSessions = new("--with-sessions") { Description = "Copy live sessions too, so that everybody stays signed in." };

    private static readonly Option<bool> WithoutKeys = new("--without-keys") { Description = "Copy although the keys that encrypt those of authenticator apps are lost. Their owners set the app up again." };

    private static readonly Argument<FileInfo> SqliteSource = new("FILE") { Description = "The SQLite file." };

    private static readonly Argument<FileInfo> BackupTarget = new("FILE") { Description = "The copy to make." };

    private static readonly Argument<FileInfo> BackupSource = new("FILE") { Description = "A copy that was made by backup." };

    private static readonly Option<DirectoryInfo?> Tools = new("--tools") { Description = "The folder of pg_dump and pg_restore. Without it they are looked for in the PATH and in /usr/lib/postgresql." };

    public static IEnumerable<Command> All => [Migrate(), CopyToPostgreSql(), BackUp(), Restore()];

    private static ProgramCommand Migrate() => new("migrate", "Bring the schema of the database up to date, or check it.", MigrateAsync)
    {
        Example = "migrate --check --json --Database:Provider=PostgreSql",
        ExitCodes = "0 up to date, or with --check: you may roll; 1 not done, standard error says why; 2 the command line is not understood; with --check also 3 stop all nodes first, 4 the database is of a newer version",
        Options = { Check },
    };

    private static ProgramCommand CopyToPostgreSql() => new("copy-to-postgresql", "Copy an SQLite file with its accounts and events into the configured PostgreSQL database.", CopyAsync)
    {
        Example = "copy-to-postgresql data/auth.db --with-sessions --Database:Provider=PostgreSql",
        Arguments = { SqliteSource },
        Options = { WithSessions, WithoutKeys },
    };

    private static ProgramCommand BackUp() => new("backup", "Copy the database while it is served: the SQLite file, or PostgreSQL's by pg_dump.", BackUpAsync)
    {
        Example = "backup /backup/auth.db",
        Arguments = { BackupTarget },
        Options = { Tools },
    };

    private static ProgramCommand Restore() => new("restore", "Put a copy in the place of the SQLite file, or into an empty PostgreSQL database. Its sessions are ended: none is revived.", RestoreAsync)
    {
        Example = "restore /backup/auth.db --yes",
        Arguments = { BackupSource },
        Options = { ProgramCommand.Yes, Tools },
    };

    private static bool IsPostgreSql(CommandCall call) => call.Services.GetRequiredService<IOptions<DatabaseOptions>>().Value.Provider == DatabaseOptions.PostgreSql;

    private static async Task<int> BackUpAsync(CommandCall call)
    {
        var file = call.Arguments.GetRequiredValue(BackupTarget).FullName;
        var isPostgreSql = IsPostgreSql(call);
        var (from, size) = isPostgreSql
            ? await new PostgreSqlBackup(call.Services, call.Arguments.GetValue(Tools)?.FullName).BackUpAsync(file, call.Cancelled)
            : await SqliteBackup.BackUpAsync(call.Services, file, call.Cancelled);
        var folder = isPostgreSql ? null : Path.Combine(Path.GetDirectoryName(from)!, KeyRing.Folder);
        var keys = Directory.Exists(folder) ? folder : null;
        var more = isPostgreSql ? " The keys of Data Protection are in it, which encrypt those of authenticator apps."
            : keys is null ? ""
            : $" Copy {keys} too, elsewhere: without these keys no code of an authenticator app is accepted.";
        await call.PrintAsync(
            new { From = from, File = file, Size = size, HasKeys = isPostgreSql, Keys = keys },
            string.Create(CultureInfo.InvariantCulture, $"Copied {from} to {file}, {size} bytes.{more}"));
        return CommandExit.Done;
    }

    private static async Task<int> RestoreAsync(CommandCall call)
    {
        var file = call.Arguments.GetRequiredValue(BackupSource).FullName;
        var now = call.Services.GetRequiredService<TimeProvider>().GetUtcNow();
        string to;
        string? previous = null;
        int ended;
        IReadOnlyList<Guid> missing;
        if (IsPostgreSql(call))
        {
            (to, ended, missing) = await new PostgreSqlBackup(call.Services, call.Arguments.GetValue(Tools)?.FullName).RestoreAsync(file, now, call.ConfirmAsync, call.Cancelled);
        }
        else
        {
            (to, ended, previous, missing) = await SqliteBackup.RestoreAsync(call.Services, file, now, call.ConfirmAsync, call.Cancelled);
        }

        var kept = previous is null ? "" : $" The file of before is {previous}.";
        var warning = missing.Count == 0 ? ""
            : $" Keys of Data Protection are missing: {string.Join(", ", missing)}. Until they are restored, a login with a code of an authenticator app is answered with 503.";
        await call.PrintAsync(
            new { File = file, RestoredTo = to, EndedSessions = ended, Previous = previous, MissingKeys = missing },
            string.Create(CultureInfo.InvariantCulture, $"Restored {file} to {to}. {ended} sessions were ended in it: everybody signs in again.{kept}{warning}"));
        return CommandExit.Done;
    }

    private static async Task<int> MigrateAsync(CommandCall call)
    {
        if (call.Arguments.GetValue(Check))
        {
            var state = await SchemaState.ReadAsync(call.Services, call.Cancelled);
            var pending = state.Pending.Select(migration => $"  {migration.Id}{(migration.KeepsServing ? "" : " (stop the nodes first)")}");
            await call.PrintAsync(
                state,
                string.Join(Environment.NewLine, [$"{state.Provider} {state.Database}: {state.Applied} migrations applied, {state.Pending.Count} pending.", .. pending, state.Advice]));
            return state.Newer.Count > 0 ? NewerVersion : state.MayRoll ? CommandExit.Done : StopFirst;
        }

        var before = await SchemaState.ReadAsync(call.Services, call.Cancelled);
        await call.Services.PrepareStorageAsync(call.Cancelled);
        var applied = before.Pending.Select(migration => migration.Id).ToList();
        await call.PrintAsync(
            new { before.Provider, before.Database, Applied = applied },
            applied.Count == 0 ? $"{before.Provider} {before.Database}: nothing was pending." : $"{before.Provider} {before.Database}: applied {string.Join(", ", applied)}.");
        return CommandExit.Done;
    }

    private static async Task<int> CopyAsync(CommandCall call)
    {
        if (!IsPostgreSql(call))
        {
            throw new ConfigurationException($"{DatabaseOptions.Section}:{nameof(DatabaseOptions.Provider)}", "must be PostgreSql, and ConnectionStrings:Auth name the database to copy to");
        }

        var copy = new PostgreSqlCopy(call.Services, call.Arguments.GetRequiredValue(SqliteSource).FullName, call.Arguments.GetValue(WithSessions), call.Arguments.GetValue(WithoutKeys));
        var result = await copy.RunAsync(call.Cancelled);
        var lines = result.Tables.Select(table => string.Create(CultureInfo.InvariantCulture, $"  {table.Key,-24}{table.Value}"));
        await call.PrintAsync(
            result,
            string.Join(Environment.NewLine, [$"Copied {result.From} to {result.To}:", .. lines, result.SessionsLeft == 0 ? "" : $"{result.SessionsLeft} sessions were left behind: everybody signs in again. (--with-sessions copies them.)"]).TrimEnd());
        return CommandExit.Done;
    }
}
