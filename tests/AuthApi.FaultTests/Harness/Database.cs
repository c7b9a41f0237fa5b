using AuthApi.Sessions;

namespace AuthApi.FaultTests.Harness;

/// <summary>The database of a published program, and what a test does to it from outside.</summary>
internal abstract class Database : IAsyncDisposable
{
    private readonly TemporaryFolder? _own;

    /// <param name="folder">Where the program runs; a folder that goes with this where none is given.</param>
    protected Database(string? folder = null) => Folder = folder ?? (_own = new TemporaryFolder()).Path;

    /// <summary>The folder in which the program runs.</summary>
    public string Folder { get; }

    /// <summary>The settings that lead the program to this database.</summary>
    public abstract string[] Settings { get; }

    public static async Task<Database> CreateAsync(StoreKind kind) =>
        kind == StoreKind.Sqlite ? new SqliteDatabase() : await PostgreSqlDatabase.CreateAsync();

    public Task<RunningProgram> StartAsync(params string[] settings) => RunningProgram.StartAsync(Folder, [.. Settings, .. settings]);

    /// <summary>Inserts sessions of a user as logins would, without the hash of a password that takes most of a login's time.</summary>
    /// <returns>Their tokens.</returns>
    public async Task<IReadOnlyList<string>> InsertSessionsAsync(int userId, int count)
    {
        var tokens = Enumerable.Range(0, count).Select(_ => SessionToken.Create()).ToList();
        await InsertAsync(userId, tokens);
        return [.. tokens.Select(token => token.Reveal())];
    }

    /// <summary>Registers an account and inserts sessions of it, which the ledger notes as live.</summary>
    /// <returns>Their tokens.</returns>
    public async Task<IReadOnlyList<string>> LogInAsync(RunningProgram program, Ledger ledger, int count, string email = "ada@example.com")
    {
        using var browser = program.NewBrowser();
        var tokens = await InsertSessionsAsync(await browser.RegisterAsync(email), count);
        ledger.LoggedIn(tokens);
        return tokens;
    }

    /// <summary>Asserts that the database is whole, by its own check.</summary>
    public abstract Task CheckAsync();

    /// <summary>
    /// Moves the messages that were being sent when a program was killed to where they are five minutes later: they are claimed for that time.
    /// </summary>
    /// <returns>The addresses of those that were claimed.</returns>
    public abstract Task<IReadOnlyList<string>> EndMailClaimsAsync();

    public virtual ValueTask DisposeAsync()
    {
        _own?.Dispose();
        return ValueTask.CompletedTask;
    }

    protected abstract Task InsertAsync(int userId, IReadOnlyList<SessionToken> tokens);
}

/// <summary>Where the program keeps its sessions.</summary>
public enum StoreKind
{
    Sqlite,
    PostgreSql,
}
