using AuthApi.Benchmarks.Traffic;

namespace AuthApi.Benchmarks.Runs;

/// <summary>What each subject came to in each round.</summary>
internal sealed class Rounds
{
    private readonly List<IReadOnlyDictionary<Subject, Load>> _rounds = [];

    public static Rounds Measure(string name, int count, IReadOnlyList<Subject> subjects, Func<Subject, Load> measure)
    {
        var rounds = new Rounds();
        for (var round = 0; round < count; round++)
        {
            // Another one begins each time, so that a drift of the machine falls on all alike.
            var loads = Enumerable.Range(round, subjects.Count).Select(index => subjects[index % subjects.Count]).ToDictionary(subject => subject, measure);
            rounds._rounds.Add(loads);
            Progress.Say($"{name}, round {round + 1} of {count}: {string.Join(", ", subjects.Select(subject => $"{loads[subject].RequestsPerSecond:N0}/s"))}");
        }

        return rounds;
    }

    public bool Has(Subject subject) => _rounds[0].ContainsKey(subject);

    public double Median(Subject subject, Func<Load, double> figure) => _rounds.Select(round => figure(round[subject])).Median();

    /// <summary>One subject's figure over another's, round by round.</summary>
    public List<double> Ratios(Subject subject, Subject other, Func<Load, double> figure) =>
        _rounds.ConvertAll(round => figure(round[subject]) / figure(round[other]));
}

/// <summary>The comparison's measurements.</summary>
/// <param name="Me"><c>GET /me/</c>.</param>
/// <param name="Logout"><c>POST /logout/</c>, the session used just before.</param>
/// <param name="FirstUse"><c>POST /logout/</c> as the session's first request.</param>
internal sealed record Figures(Rounds Me, Rounds Logout, Rounds FirstUse);
