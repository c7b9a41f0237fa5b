using AuthApi.Benchmarks.Runs;
using AuthApi.Benchmarks.Subjects;

try
{
    // With no command: the comparison. The commands are how it starts what it compares, each in a process of its own.
    return args switch
    {
        ["serve", "authapi", var folder, .. var settings] => Servers.RunAuthApi(folder, settings),
        ["serve", "stock", var folder, .. var settings] => await Servers.RunStockAsync(folder, settings),
        ["serve", "tickets", var folder] => await Servers.RunTicketsAsync(folder),
        ["serve", ("bare" or "bare-transactions" or "bare-group") and var name, var folder] => await Servers.RunBareAsync(name, folder),
        ["seed", var folder, var count] when int.TryParse(count, out var sessions) => await Seeding.RunAsync(folder, sessions),
        ["seed", "tickets", var folder, var count] when int.TryParse(count, out var sessions) => await TicketsApplication.SeedAsync(folder, sessions),
        ["flat"] => await Flat.RunAsync(sessions: 1_000_000),
        ["flat", var count] when int.TryParse(count, out var sessions) => await Flat.RunAsync(sessions),
        ["start"] => await Start.RunAsync(rounds: 10),
        ["start", var count] when int.TryParse(count, out var rounds) => await Start.RunAsync(rounds),
        ["login"] => await Login.RunAsync(rounds: 200),
        ["login", var count] when int.TryParse(count, out var rounds) => await Login.RunAsync(rounds),
        ["soak"] => await Soak.RunAsync(minutes: 10),
        ["soak", var count] when int.TryParse(count, out var minutes) => await Soak.RunAsync(minutes),
        ["memory", var count] when int.TryParse(count, out var sessions) => await Memory.RunAsync(sessions),
        ["sustained"] => await Sustained.RunAsync(seconds: 30),
        ["sustained", var count] when int.TryParse(count, out var seconds) => await Sustained.RunAsync(seconds),
        ["flood"] => await Flood.RunAsync(connections: 64),
        ["flood", var count] when int.TryParse(count, out var connections) => await Flood.RunAsync(connections),
        ["inner"] => InnerPieces.Run(),
        [] => await Comparison.RunAsync(Plan.Full),
        ["--quick"] => await Comparison.RunAsync(Plan.Quick),
        _ => Usage(),
    };
}
catch (Exception exception)
{
    // Caught here so that the servers and their files are gone before the program is.
    Console.Error.WriteLine(exception);
    return 1;
}

static int Usage()
{
    Console.Error.WriteLine("""
        Compares AuthApi with Identity's own cookie, with a ticket store and with bare Kestrel, over HTTP on this machine:
            [--quick]                  the whole table and the goals; --quick has shorter and fewer rounds, and takes two minutes
            flat [SESSIONS]            whether it matters that so many sessions live (1,000,000), beside as few as the measurement needs
            start [ROUNDS]             from the start of the published program to its first answer, and its memory when it is idle (10)
            login [ROUNDS]             how much longer than the hash of its password a login takes (200)
            soak [MINUTES]             full load for so long (10): whether memory, handles and the write-ahead log level off
            memory COUNT               what COUNT live sessions, each used, add to the memory of a server that was idle
            sustained [SECONDS]        logouts without a pause, so long at a time (30), beside the stateless cookie's
            flood [CONNECTIONS]        how long GET /me/ and POST /logout/ take while so many connections (64) flood POST /login/
            inner                      what every request passes through, by BenchmarkDotNet: its time, and that it allocates nothing
            seed FOLDER COUNT          a database with COUNT live sessions, and their tokens beside it
            seed tickets FOLDER COUNT  the same for the ticket store
            serve NAME FOLDER          one of the servers, until its standard input ends: authapi (settings of its own may follow),
                                       stock, tickets, bare, bare-transactions, bare-group
        """);
    return 2;
}
