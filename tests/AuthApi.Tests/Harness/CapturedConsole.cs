using System.Text;

namespace AuthApi.Tests.Harness;

/// <summary>What one flow of calls writes to the console. Others, at the same time too, write to theirs.</summary>
internal sealed class CapturedConsole
{
    private static readonly AsyncLocal<CapturedConsole?> Current = new();

    private readonly StringWriter _output = new();
    private readonly StringWriter _error = new();

    static CapturedConsole()
    {
        Console.SetOut(new Router(Console.Out, capture => capture._output));
        Console.SetError(new Router(Console.Error, capture => capture._error));
    }

    public string Output => Read(_output);

    public string Error => Read(_error);

    /// <summary>Runs <paramref name="action"/>; what it and all that it starts write is kept here.</summary>
    public TResult Run<TResult>(Func<TResult> action)
    {
        Current.Value = this;
        try
        {
            return action();
        }
        finally
        {
            Current.Value = null;
        }
    }

    private static string Read(StringWriter writer)
    {
        lock (writer)
        {
            return writer.ToString();
        }
    }

    private sealed class Router(TextWriter otherwise, Func<CapturedConsole, TextWriter> choose) : TextWriter
    {
        public override Encoding Encoding => otherwise.Encoding;

        public override void Write(char value) => Write([value], 0, 1);

        public override void Write(string? value) => Write(value?.ToCharArray() ?? [], 0, value?.Length ?? 0);

        public override void Write(char[] buffer, int index, int count)
        {
            var writer = Current.Value is { } capture ? choose(capture) : otherwise;
            lock (writer)
            {
                writer.Write(buffer, index, count);
            }
        }
    }
}
