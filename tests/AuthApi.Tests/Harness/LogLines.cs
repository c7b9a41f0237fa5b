using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;

namespace AuthApi.Tests.Harness;

/// <summary>Keeps what the program logs at Warning and above, by category.</summary>
internal sealed class LogLines : ILoggerProvider
{
    private readonly ConcurrentQueue<(string Category, string Text)> _lines = new();

    /// <summary>The lines of the categories that end in this name.</summary>
    public IReadOnlyList<string> Of(string category) =>
        [.. _lines.Where(line => line.Category.EndsWith(category, StringComparison.Ordinal)).Select(line => line.Text)];

    public ILogger CreateLogger(string categoryName) => new Logger(categoryName, _lines);

    public void Dispose()
    {
    }

    private sealed class Logger(string category, ConcurrentQueue<(string, string)> lines) : ILogger
    {
        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => logLevel >= LogLevel.Warning;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            if (IsEnabled(logLevel))
            {
                lines.Enqueue((category, formatter(state, exception)));
            }
        }
    }
}
