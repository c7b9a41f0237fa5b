namespace AuthApi.Commands;

/// <summary>Where a command prints and asks: the terminal, or a client of the running server.</summary>
internal abstract class CommandConsole
{
    /// <summary>Whether a person can answer a question.</summary>
    public abstract bool IsInteractive { get; }

    /// <summary>Prints to standard output.</summary>
    public abstract Task WriteLineAsync(string text);

    /// <summary>Prints to standard error.</summary>
    public abstract Task WriteErrorAsync(string line);

    /// <summary>Asks a person, or reads a line of standard input where there is none.</summary>
    /// <param name="prompt">What to ask.</param>
    /// <param name="isSecret">Whether the answer is not shown.</param>
    /// <returns>The answer; <see langword="null"/> at the end of standard input.</returns>
    public abstract Task<string?> AskAsync(string prompt, bool isSecret = false);
}

/// <summary>The console of this process.</summary>
internal sealed class TerminalConsole : CommandConsole
{
    public override bool IsInteractive => !Console.IsInputRedirected;

    public override Task WriteLineAsync(string text) => Console.Out.WriteLineAsync(text);

    public override Task WriteErrorAsync(string line) => Console.Error.WriteLineAsync(line);

    public override async Task<string?> AskAsync(string prompt, bool isSecret = false)
    {
        if (!IsInteractive)
        {
            return await Console.In.ReadLineAsync();
        }

        if (isSecret)
        {
            // Loads what reads keys: until that runs, the terminal shows what is typed.
            _ = Console.KeyAvailable;
        }

        // Not to standard output, which may be a file.
        await Console.Error.WriteAsync(prompt);
        return isSecret ? ReadSecret() : await Console.In.ReadLineAsync();
    }

    private static string ReadSecret()
    {
        var typed = new System.Text.StringBuilder();
        while (true)
        {
            var key = Console.ReadKey(intercept: true);
            switch (key.Key)
            {
                case ConsoleKey.Enter:
                    Console.Error.WriteLine();
                    return typed.ToString();
                case ConsoleKey.Backspace when typed.Length > 0:
                    typed.Length--;
                    break;
                default:
                    if (!char.IsControl(key.KeyChar))
                    {
                        typed.Append(key.KeyChar);
                    }

                    break;
            }
        }
    }
}
