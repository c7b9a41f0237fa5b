using AuthApi.Benchmarks;

// With no command: the comparison. The commands are how it starts what it compares, each in a process of its own.
return args switch
{
    ["serve", "authapi", var folder, .. var settings] => Servers.RunAuthApi(folder, settings),
    ["serve", "stock", var folder] => await Servers.RunStockAsync(folder),
    ["seed", var folder, var count] when int.TryParse(count, out var sessions) => await Seeding.RunAsync(folder, sessions),
    ["memory", var count] when int.TryParse(count, out var sessions) => await Memory.RunAsync(sessions),
    ["flood"] => await Flood.RunAsync(connections: 64),
    ["flood", var count] when int.TryParse(count, out var connections) => await Flood.RunAsync(connections),
    [] => await Comparison.RunAsync(Plan.Full),
    ["--quick"] => await Comparison.RunAsync(Plan.Quick),
    _ => Usage(),
};

static int Usage()
{
    Console.Error.WriteLine("""
        Compares AuthApi with ASP.NET Core Identity's own cookie, over HTTP on this machine, and prints a table:
            [--quick]                  the whole comparison; --quick has shorter and fewer rounds
            memory COUNT               what COUNT live sessions, each used, add to the memory of a server that was idle
            flood [CONNECTIONS]        how long GET /me/ and POST /logout/ take while so many connections (64) flood POST /login/
            seed FOLDER COUNT          a database with COUNT live sessions, and their tokens beside it
            serve authapi|stock FOLDER one of the servers, until its standard input ends; settings of AuthApi may follow
        """);
    return 2;
}
