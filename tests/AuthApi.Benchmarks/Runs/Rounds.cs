using AuthApi.Benchmarks.Subjects;
using AuthApi.Benchmarks.Traffic;

namespace AuthApi.Benchmarks.Runs;

/// <summary>The loads of each subject, round by round.</summary>
internal sealed class Rounds
{
    private readonly List<IReadOnlyDictionary<Subject, Load>> _rounds = [];

    private Rounds(IReadOnlyList<Subject> subjects) => Subjects = subjects;

    public IReadOnlyList<Subject> Subjects { get; }

    public int Count => _rounds.Count;

    /// <summary>Measures each subject once a round, another one first each time, so that a drift of the machine is shared by all.</summary>
    public static Rounds Measure(string name, int count, IReadOnlyList<Subject> subjects, Func<Subject, Load> measure)
    {
        var rounds = new Rounds(subjects);
        for (var round = 0; round < count; round++)
        {
            var loads = Enumerable.Range(round, subjects.Count).Select(index => subjects[index % subjects.Count]).ToDictionary(subject => subject, measure);
            rounds._rounds.Add(loads);
            Progress.Write($"{name}, round {round + 1} of {count}: {string.Join(", ", subjects.Select(subject => Describe(loads[subject])))}");
        }

        return rounds;
    }

    public IEnumerable<Load> Of(Subject subject) => _rounds.Select(round => round[subject]);

    public double Median(Subject subject, Func<Load, double> figure) => Of(subject).Select(figure).Median();

    /// <summary>One subject's figure over another's, round by round.</summary>
    public List<double> Ratios(Subject subject, Subject other, Func<Load, double> figure) =>
        _rounds.ConvertAll(round => figure(round[subject]) / figure(round[other]));

    private static string Describe(Load load) => $"{load.RequestsPerSecond:N0}/s (p99 {load.Latencies.P99:N1} ms)";
}
