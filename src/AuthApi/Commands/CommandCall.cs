using System.CommandLine;
using System.Text.Encodings.Web;
using System.Text.Json;
using AuthApi.Startup;
using Microsoft.AspNetCore.Mvc;
using Microsoft.Extensions.Options;

namespace AuthApi.Commands;

/// <summary>One call of a command.</summary>
/// <param name="Arguments">Its arguments.</param>
/// <param name="Services">The services of the program, which has not started, or of the running server.</param>
/// <param name="Console">Where it prints and asks.</param>
/// <param name="Cancelled">Cancelled by Ctrl+C or SIGTERM.</param>
internal sealed record CommandCall(ParseResult Arguments, IServiceProvider Services, CommandConsole Console, CancellationToken Cancelled)
{
    private static readonly JsonSerializerOptions Indented = new() { WriteIndented = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>Prints the result: as JSON where that is asked for, else as text.</summary>
    /// <param name="result">The result, for JSON.</param>
    /// <param name="text">The same for a person.</param>
    public Task PrintAsync(object result, string text) => Console.WriteLineAsync(Arguments.GetValue(ProgramCommand.Json) ? ToJson(result) : text);

    /// <summary>Asks whether to go on with what cannot be undone, unless <c>--yes</c> was given.</summary>
    /// <param name="what">A sentence that says what will happen.</param>
    /// <exception cref="CommandException">The answer is no, or nobody can answer.</exception>
    public async Task ConfirmAsync(string what)
    {
        if (Arguments.GetValue(ProgramCommand.Yes))
        {
            return;
        }

        if (!Console.IsInteractive)
        {
            throw new CommandException($"{what} Nothing was changed: add --yes to do it without being asked.");
        }

        if (await Console.AskAsync($"{what} Go on? [y/N] ") is not ("y" or "Y" or "yes"))
        {
            throw new CommandException("Nothing was changed.");
        }
    }

    // As the API writes it, with its times.
    private string ToJson(object result) => JsonSerializer
        .SerializeToNode(result, result.GetType(), Services.GetRequiredService<IOptions<JsonOptions>>().Value.JsonSerializerOptions)!
        .ToJsonString(Indented);
}
