using System.Globalization;

namespace AuthApi.FaultTests.Harness;

/// <summary>Kills a program in the middle of what it does: before the kernel carries out one certain call of it. By <c>strace</c>.</summary>
internal static class AimedKill
{
    /// <summary>What starts a program that is killed at a call.</summary>
    /// <param name="call">Which one it is of those that a thread makes: 1 for its first.</param>
    /// <param name="calls">The names of the calls that count, with commas between.</param>
    /// <param name="file">The file that they are about; any where there is none.</param>
    public static Launch At(int call, string calls, string? file = null)
    {
        SystemCalls.Require();
        return new Launch(By:
        [
            // As a child of the program (-D), so that the process that is started is the program.
            "strace", "-D", "-f", "-qqq", "-o", "/dev/null", .. file is null ? [] : (string[])["-P", file],
            "-e", $"trace={calls}", "-e", string.Create(CultureInfo.InvariantCulture, $"inject={calls}:signal=KILL:when={call}"),
        ]);
    }
}
