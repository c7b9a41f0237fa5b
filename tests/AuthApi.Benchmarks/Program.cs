using System.Globalization;
using AuthApi.Benchmarks.Runs;
using AuthApi.Benchmarks.Subjects;

try
{
    return args switch
    {
        // How this program starts what it measures, each in a process of its own.
        ["serve", "stock", var folder, .. var more] => await Servers.RunStockAsync(folder, more),
        ["serve", "tickets", var folder, .. var more] => await Servers.RunTicketsAsync(folder, more),
        ["serve", "bare", var folder, "--urls", var url] => await Servers.RunBareAsync(new BareLog(), folder, url),
        ["serve", "bare-group-commit", var folder, "--urls", var url] => await Servers.RunBareAsync(new BareGroupCommit(), folder, url),
        ["serve", "per-request", var connectionString, "--urls", var url] => await Servers.RunPerRequestAsync(connectionString, url),
        ["serve", "delay", var port, var target, var microseconds] => Servers.RunDelay(
            int.Parse(port, CultureInfo.InvariantCulture), int.Parse(target, CultureInfo.InvariantCulture), double.Parse(microseconds, CultureInfo.InvariantCulture)),
        ["seed", "stock", var folder, var count] => await StockSeeding.RunAsync(folder, int.Parse(count, CultureInfo.InvariantCulture)),
        ["seed", "tickets", var folder, var count] => await TicketsApplication.SeedAsync(folder, int.Parse(count, CultureInfo.InvariantCulture)),
        ["seed", var folder, var count, .. var program] => await Seeding.RunAsync(folder, int.Parse(count, CultureInfo.InvariantCulture), program is [var path] ? path : RunOptions.BuiltAuthApi),

        ["me", .. var more] => await RunAsync(more, MeRun.RunAsync),
        ["logout", .. var more] => await RunAsync(more, LogoutRun.RunAsync),
        ["login", .. var more] => await RunAsync(more, LoginRun.RunAsync),
        ["account", .. var more] => await RunAsync(more, AccountRun.RunAsync),
        ["factors", .. var more] => await RunAsync(more, FactorRun.RunAsync),
        ["tickets", .. var more] => await RunAsync(more, TicketsRun.RunAsync),
        ["flood", .. var more] => await RunAsync(more, FloodRun.RunAsync),
        ["sustained", .. var more] => await RunAsync(more, SustainedRun.RunAsync),
        ["flat", .. var more] => await RunAsync(more, FlatRun.RunAsync),
        ["shared", .. var more] => await RunAsync(more, SharedRun.RunAsync),
        ["flat-shared", .. var more] => await RunAsync(more, FlatRun.RunOnPostgreSqlAsync),
        ["delay", .. var more] => await RunAsync(more, DelayRun.RunAsync),
        ["revoke", .. var more] => await RunAsync(more, RevokeRun.RunAsync),
        ["users", .. var more] => await RunAsync(more, UsersRun.RunAsync),
        ["start", .. var more] => await RunAsync(more, StartRun.RunAsync),
        ["soak", .. var more] => await RunAsync(more, SoakRun.RunAsync),
        ["memory", .. var more] => await RunAsync(more, MemoryRun.RunAsync),
        ["check-wrk", .. var more] => await CheckWrk.RunAsync(RunOptions.Parse(more)),
        ["nodes", .. var more] => await NodesCheck.RunAsync(more),
        ["inner"] => InnerPieces.Run(),
        [] or ["--quick" or "--against" or "--authapi" or "--rounds", ..] => await RunAsync(args, MeRun.RunAsync, LogoutRun.RunAsync, TicketsRun.RunAsync, LoginRun.RunAsync),
        _ => Usage(),
    };
}
catch (ArgumentException exception)
{
    Console.Error.WriteLine(exception.Message);
    return Usage();
}
catch (Exception exception)
{
    // Caught here so that the servers and their files are gone before the program is.
    Console.Error.WriteLine(exception);
    return 1;
}

static async Task<int> RunAsync(string[] arguments, params Func<RunOptions, Task>[] runs)
{
    var options = RunOptions.Parse(arguments);
    Report.WriteHeader(options);
    foreach (var run in runs)
    {
        await run(options);
    }

    return 0;
}

static int Usage()
{
    Console.Error.WriteLine("""
        Measures AuthApi beside Identity's stateless cookie, a ticket store and bare Kestrel, over HTTP on this machine:
            [OPTIONS]                  me, logout, tickets and login, one after the other
            me                         GET /me/ over 32 and 256 connections, and as each session's first request
            logout                     POST /logout/ of 20,000 sessions in a row over 32 and 256 connections, and of sessions used before
            login                      logins one after the other, 100 at the same moment, and 20 while all cores are busy
            factors                    logins with a code of an app and with a passkey beside those with a password
            account                    registrations, logins and resets beside their hash; known and unknown addresses; logouts while mail is sent
            tickets                    GET /me/ and POST /logout/ beside the framework's own answer, an ITicketStore on EF Core
            flood [CONNECTIONS]        GET /me/ and POST /logout/ while so many connections (64) flood POST /login/
            sustained [SECONDS]        logouts without a pause, for so long (30) a round
            flat [SESSIONS]            a store with so many sessions (1,000,000) beside one with few
            shared                     one node on PostgreSQL beside SQLite, the stateless cookie, and one statement a request
            flat-shared [SESSIONS]     PostgreSQL with so many sessions (5,000,000 of 1,000,000 users) beside one with few
            delay                      one node whose PostgreSQL is 0.2, 0.5 and 1 ms away
            revoke [SESSIONS]          logouts while an administrator ends so many sessions (100,000) in one call, on both stores
            users [USERS]              what an administrator reads among so many users (1,000,000), on both stores
            start                      from the start of the published program to its first response, and its memory when it is idle
            soak [MINUTES]             full load for so long (10): whether memory, handles and the write-ahead log level off
            memory [SESSIONS]          the memory of so many sessions (100,000), each used once
            check-wrk                  whether the load generator and wrk agree
            nodes URL... [SECONDS]     whether nodes that share a store, started by you with RateLimiting:Enabled=false, accept a session after its end (30)
            inner                      what every request passes through, by BenchmarkDotNet: its time, and that it allocates nothing
            seed FOLDER COUNT [DLL]    a database with COUNT live sessions, and their tokens beside it
        Options:
            --quick                    fewer and shorter rounds, to see that everything works
            --rounds COUNT             so many rounds
            --authapi DLL              measures this AuthApi.dll instead of the one built with this program
            --against DLL              measures another build's AuthApi.dll beside it
        """);
    return 2;
}
