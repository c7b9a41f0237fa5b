using System.CommandLine;

namespace AuthApi.Commands;

/// <summary>A command of the program's command line.</summary>
internal sealed class ProgramCommand : Command
{
    /// <summary>Whether to print JSON. Every command has it.</summary>
    public static readonly Option<bool> Json = new("--json") { Description = "Print JSON to standard output, and nothing else there." };

    /// <summary>Whether to do what cannot be undone without asking.</summary>
    public static readonly Option<bool> Yes = new("--yes", "-y") { Description = "Do it without asking." };

    /// <param name="name">Its name.</param>
    /// <param name="description">What it does, in one line.</param>
    /// <param name="run">Does it, and returns the exit code.</param>
    public ProgramCommand(string name, string description, Func<CommandCall, Task<int>> run) : base(name, description)
    {
        Run = run;
        Options.Add(Json);
        SetAction(_ => CommandExit.NotUnderstood); // CommandRun runs it, with services
    }

    /// <summary>An example, without the program's name.</summary>
    public required string Example { get; init; }

    /// <summary>What its exit codes mean.</summary>
    public string ExitCodes { get; init; } = "0 done; 1 not done, standard error says why; 2 the command line is not understood";

    /// <summary>Whether a running server of this SQLite file does it, where there is one.</summary>
    public bool IsForServer { get; init; }

    /// <summary>Whether it needs the store of sessions opened, with a schema that is up to date.</summary>
    public bool NeedsStore { get; init; }

    public Func<CommandCall, Task<int>> Run { get; }
}
