using System.Diagnostics;

namespace AuthApi.Benchmarks.Subjects;

/// <summary>Reads what a process writes, so that it never waits for a reader, and keeps its first lines.</summary>
internal sealed class ServerOutput
{
    private const int KeptLines = 50;

    private readonly List<string> _lines = [];

    public ServerOutput(Process process)
    {
        process.OutputDataReceived += (_, e) => Keep(e.Data);
        process.ErrorDataReceived += (_, e) => Keep(e.Data);
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
    }

    public override string ToString()
    {
        lock (_lines)
        {
            return string.Join(Environment.NewLine, _lines);
        }
    }

    private void Keep(string? line)
    {
        lock (_lines)
        {
            if (line is not null && _lines.Count < KeptLines)
            {
                _lines.Add(line);
            }
        }
    }
}
