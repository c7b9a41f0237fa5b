using System.Diagnostics;
using System.Globalization;

namespace AuthApi.Benchmarks.Subjects;

/// <summary>The memory of a process in bytes, as Linux reports it; elsewhere all but the resident memory is not a number.</summary>
/// <param name="Resident">All its pages in memory.</param>
/// <param name="Proportional">The same, of pages that several processes share only its part.</param>
/// <param name="Private">The pages that no other process shares.</param>
internal sealed record ProcessMemory(double Resident, double Proportional, double Private)
{
    public static ProcessMemory Read(Process process)
    {
        process.Refresh();
        var path = $"/proc/{process.Id}/smaps_rollup";
        var lines = File.Exists(path) ? File.ReadAllLines(path) : [];
        return new ProcessMemory(process.WorkingSet64, Sum("Pss:"), Sum("Private_Clean:", "Private_Dirty:"));

        // As "Pss:   1234 kB".
        double Sum(params string[] names) => lines.Length == 0 ? double.NaN : names.Sum(name => 1024 * double.Parse(
            lines.Single(line => line.StartsWith(name, StringComparison.Ordinal)).Split(' ', StringSplitOptions.RemoveEmptyEntries)[1], CultureInfo.InvariantCulture));
    }
}
