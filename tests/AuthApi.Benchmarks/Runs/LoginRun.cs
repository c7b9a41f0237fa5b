using AuthApi.Benchmarks.Subjects;

namespace AuthApi.Benchmarks.Runs;

/// <summary>Logins with the right password: one after the other on one connection, and many at the same moment.</summary>
internal static class LoginRun
{
    // So many that no account comes to have more sessions than it may.
    private const int Accounts = 100;
    private const int InARow = 40;
    private const int AtOnceBesideWork = 20;

    public static async Task RunAsync(RunOptions options)
    {
        var rounds = options.Rounds ?? options.Choose(full: 5, quick: 2);
        using var factory = new SubjectFactory(options.AuthApi, options.Against);
        Progress.Write("POST /login/: starting the servers and registering the accounts");
        var authApi = await factory.StartAuthApiAsync(sessions: 1_000);
        Subject[] subjects = [await factory.StartStockAsync(sessions: 1), .. authApi];
        var logins = new Dictionary<Subject, LoginSequence>();
        foreach (var subject in subjects)
        {
            logins.Add(subject, new LoginSequence(subject, await subject.RegisterAsync(Accounts)));
        }

        var inARow = options.Choose(InARow, quick: 15);
        Rounds.Measure("POST /login/, warming up", options.Choose(full: 3, quick: 1), subjects, subject => subject.LogIn(logins[subject].Take(inARow), connections: 1));
        var one = Rounds.Measure("POST /login/, one connection", rounds, subjects, subject => subject.LogIn(logins[subject].Take(inARow), connections: 1));
        Report.Write($"`POST /login/`, one connection, {inARow} logins one after the other", one, authApi[0]);

        var all = Rounds.Measure($"POST /login/, {Accounts} at once", rounds, subjects, subject => subject.LogIn(logins[subject].Take(Accounts), Accounts));
        Report.WriteBurst($"`POST /login/`, {Accounts} logins at the same moment", all, authApi[0]);

        var busy = Rounds.Measure($"POST /login/, {AtOnceBesideWork} at once, cores busy", rounds, subjects, subject =>
        {
            using var cores = new BusyCores();
            return subject.LogIn(logins[subject].Take(AtOnceBesideWork), AtOnceBesideWork);
        });
        Report.WriteBurst(
            $"`POST /login/`, {AtOnceBesideWork} logins at the same moment while other work keeps all {Environment.ProcessorCount} cores busy", busy, authApi[0]);
    }
}
