using Microsoft.Extensions.Options;

namespace AuthApi.Hosting;

/// <summary>Starts the program, or says in one line why it does not start.</summary>
public static class ClearStart
{
    /// <summary>
    /// Reads every option, runs <paramref name="prepare"/>, serves until told to stop, and returns the exit code: 0, or 1
    /// when the configuration does not allow a start, with one line on standard error that names the key.
    /// </summary>
    public static async Task<int> RunAsync(this WebApplication app, Func<WebApplication, Task> prepare)
    {
        try
        {
            app.Services.GetRequiredService<IStartupValidator>().Validate();
            await prepare(app);
        }
        catch (Exception exception) when (Explain(exception) is { } line)
        {
            await Console.Error.WriteLineAsync($"AuthApi does not start: {line}");
            await app.DisposeAsync();
            return 1;
        }

        await app.RunAsync();
        return 0;
    }

    private static string? Explain(Exception exception) => exception switch
    {
        ConfigurationException => exception.Message,
        OptionsValidationException validation => string.Join(" ", validation.Failures),

        // What the configuration binder throws on a value it cannot convert; the message names the key.
        InvalidOperationException { InnerException: FormatException or ArgumentException or OverflowException } => exception.Message,
        _ => null,
    };
}
