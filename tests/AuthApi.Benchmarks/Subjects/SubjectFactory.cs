using System.Diagnostics;
using System.Globalization;
using AuthApi.Benchmarks.Runs;
using AuthApi.Benchmarks.Traffic;
using Npgsql;

namespace AuthApi.Benchmarks.Subjects;

/// <summary>Starts what is measured, each server with a folder, a database and sessions of its own, and ends all of them.</summary>
/// <param name="authApi">The <c>AuthApi.dll</c> that is measured.</param>
/// <param name="otherAuthApi">Another build of it, if it is compared with one.</param>
internal sealed class SubjectFactory(string authApi, string? otherAuthApi) : IDisposable
{
    /// <summary>How many cookies the stock application has at most; a logout ends none of them, so they can be used again.</summary>
    private const int StockCookies = 20_000;

    private readonly DataFolder _data = new();
    private readonly List<Subject> _started = [];
    private readonly List<Process> _proxies = [];
    private PostgreSqlCluster? _cluster;
    private int _databases;

    /// <summary>Starts AuthApi, and the other build of it if there is one.</summary>
    public async Task<List<Subject>> StartAuthApiAsync(int sessions, params string[] settings)
    {
        var subjects = new List<Subject> { await StartAuthApiAsync("AuthApi", authApi, _data.Add($"authapi-{sessions}"), sessions, settings) };
        if (otherAuthApi is not null)
        {
            subjects.Add(await StartAuthApiAsync("AuthApi, the other build", otherAuthApi, _data.Add($"other-{sessions}"), sessions, settings));
        }

        return subjects;
    }

    /// <summary>Starts AuthApi once more, under another title.</summary>
    public Task<Subject> StartAuthApiAsync(string title, int sessions) => StartAuthApiAsync(title, authApi, _data.Add($"authapi-{sessions}"), sessions, []);

    /// <summary>Starts AuthApi with settings of its own.</summary>
    /// <param name="title">Its title, and the name of its folder.</param>
    /// <param name="sessions">How many sessions it has.</param>
    /// <param name="prepare">Changes the database in its folder before the server starts.</param>
    /// <param name="settings">More arguments of its command line.</param>
    public Task<Subject> StartAuthApiAsync(string title, int sessions, Action<string>? prepare, params string[] settings) =>
        StartAuthApiAsync(title, authApi, _data.Add(title), sessions, settings, prepare);

    /// <summary>Starts AuthApi on PostgreSQL, in a database of its own on the one server of the run.</summary>
    /// <param name="title">The subject's title.</param>
    /// <param name="sessions">How many sessions it has.</param>
    /// <param name="perUser">How many of each user.</param>
    /// <param name="known">How many of them can be used; all by default.</param>
    public async Task<Subject> StartAuthApiOnPostgreSqlAsync(string title, int sessions, int perUser = 10, int? known = null)
    {
        var (folder, connectionString) = await SeedPostgreSqlAsync(sessions, perUser, known ?? sessions);
        var server = await ServerProcess.StartAsync(ServerArguments.ForAuthApiOnPostgreSql(authApi, connectionString));
        server.Database = _cluster;
        Progress.Write($"{title}: {await PostgreSqlSeeding.DescribeSizesAsync(connectionString)}");
        return Add(new Subject(title, server, folder, ReadCookies(folder)) { IsAuthApi = true, ConnectionString = connectionString });
    }

    /// <summary>Starts AuthApi on PostgreSQL as if that were so far away.</summary>
    public async Task<Subject> StartDelayedAsync(string title, int sessions, TimeSpan roundTrip)
    {
        var (folder, connectionString) = await SeedPostgreSqlAsync(sessions, perUser: 10, sessions);
        var port = ServerProcess.FindFreePort().Port;
        _proxies.Add(ThisProgram.Start(
            "serve", "delay", port.ToString(CultureInfo.InvariantCulture), _cluster!.Port.ToString(CultureInfo.InvariantCulture), (roundTrip / 2).TotalMicroseconds.ToString(CultureInfo.InvariantCulture)));
        await Task.Delay(TimeSpan.FromSeconds(1));
        var through = new NpgsqlConnectionStringBuilder(connectionString) { Port = port }.ConnectionString;
        var server = await ServerProcess.StartAsync(ServerArguments.ForAuthApiOnPostgreSql(authApi, through));
        return Add(new Subject(title, server, folder, ReadCookies(folder)) { IsAuthApi = true });
    }

    /// <summary>Starts bare Kestrel that asks PostgreSQL in each request.</summary>
    public async Task<Subject> StartPerRequestAsync(int sessions)
    {
        var (folder, connectionString) = await SeedPostgreSqlAsync(sessions, perUser: 10, sessions);
        var server = await ServerProcess.StartAsync([ThisProgram.Path, "serve", "per-request", connectionString]);
        server.Database = _cluster;
        return Add(new Subject("bare Kestrel, one statement a request", server, folder, ReadCookies(folder)));
    }

    public async Task<Subject> StartStockAsync(int sessions)
    {
        var folder = _data.Add("stock");
        await ThisProgram.RunAsync("seed", "stock", folder, $"{Math.Min(sessions, StockCookies)}");
        var server = await ServerProcess.StartAsync([ThisProgram.Path, "serve", "stock", folder]);
        return Add(new Subject("Identity's stateless cookie", server, folder, File.ReadAllLines(DataFolder.Cookies(folder))) { EndsSessions = false });
    }

    public async Task<Subject> StartTicketsAsync(int sessions)
    {
        var folder = _data.Add("tickets");
        await ThisProgram.RunAsync("seed", "tickets", folder, $"{sessions}");
        var server = await ServerProcess.StartAsync([ThisProgram.Path, "serve", "tickets", folder]);
        return Add(new Subject("Identity with an `ITicketStore` on EF Core SQLite", server, folder, File.ReadAllLines(DataFolder.Cookies(folder))));
    }

    /// <summary>Starts bare Kestrel with the sessions of AuthApi.</summary>
    public Task<Subject> StartBareAsync(Subject authApi) => StartBareAsync("bare Kestrel: a hash and a dictionary", "bare", authApi);

    /// <summary>The same, whose one writer commits all waiting logouts together.</summary>
    public Task<Subject> StartBareGroupCommitAsync(Subject authApi) => StartBareAsync("bare Kestrel with one SQLite writer", "bare-group-commit", authApi);

    public void Dispose()
    {
        _started.ForEach(subject => subject.Dispose());
        foreach (var proxy in _proxies)
        {
            proxy.Kill();
            proxy.Dispose();
        }

        _cluster?.Dispose();
        _data.Dispose();
    }

    private async Task<Subject> StartAuthApiAsync(string title, string program, string folder, int sessions, string[] settings, Action<string>? prepare = null)
    {
        await ThisProgram.RunAsync("seed", folder, $"{sessions}", program);
        prepare?.Invoke(folder);
        var server = await ServerProcess.StartAsync([.. ServerArguments.ForAuthApi(program, folder), .. settings]);
        return Add(new Subject(title, server, folder, ReadCookies(folder)) { IsAuthApi = true });
    }

    private async Task<(string Folder, string ConnectionString)> SeedPostgreSqlAsync(int sessions, int perUser, int known)
    {
        _cluster ??= await PostgreSqlCluster.StartAsync(_data.Path);
        var name = $"authapi{++_databases}";
        var (folder, connectionString) = (_data.Add(name), await _cluster.CreateDatabaseAsync(name));
        using (await ServerProcess.StartAsync(ServerArguments.ForAuthApiOnPostgreSql(authApi, connectionString)))
        {
        }

        await PostgreSqlSeeding.RunAsync(connectionString, folder, sessions, perUser, known);
        return (folder, connectionString);
    }

    private async Task<Subject> StartBareAsync(string title, string name, Subject authApi)
    {
        var server = await ServerProcess.StartAsync([ThisProgram.Path, "serve", name, authApi.Folder]);
        return Add(new Subject(title, server, authApi.Folder, ReadCookies(authApi.Folder)));
    }

    // In an order that has nothing to do with that in which they were created: that of the tokens, which are random.
    private static List<string> ReadCookies(string folder) =>
        [.. DataFolder.ReadTokens(folder).Order(StringComparer.Ordinal).Select(HttpRequests.SessionCookieOf)];

    private Subject Add(Subject subject)
    {
        _started.Add(subject);
        return subject;
    }
}
