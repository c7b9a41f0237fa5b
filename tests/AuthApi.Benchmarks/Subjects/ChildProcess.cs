using System.Diagnostics;

namespace AuthApi.Benchmarks.Subjects;

/// <summary>This program, started again with one of its commands.</summary>
internal static class ChildProcess
{
    public static Process Start(params string[] arguments) => Process.Start(
        new ProcessStartInfo("dotnet", [typeof(ChildProcess).Assembly.Location, .. arguments])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
        })!;
}
