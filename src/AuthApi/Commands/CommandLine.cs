using System.CommandLine;
using System.CommandLine.Help;
using System.CommandLine.Invocation;
using System.CommandLine.Parsing;
using System.Reflection;
using AuthApi.Startup;

namespace AuthApi.Commands;

/// <summary>
/// The command line: settings and no command to serve, or one of the commands of the rooms. The configuration reads the settings, and System.CommandLine the rest.
/// </summary>
internal sealed class CommandLine
{
    private const string Introduction = "AuthApi: session-based authentication over HTTP, in which logging out really ends the session.";

    private const string Settings = """
        The keys that are set most (in appsettings.json too, or as environment variables with __ for the colon):
          --Urls=https://*:443                             the addresses it listens on, with semicolons between them
          --Kestrel:Certificates:Default:Path=/etc/a.pem   the certificate for them, and :KeyPath its key
          --ConnectionStrings:Auth="Data Source=data/auth.db"  the database
          --ForwardedHeaders:KnownProxies=10.0.0.1         the proxy that does the TLS, if one does
          --Sessions:IdleTimeout=00:30:00                  when an unused session ends
          --Swagger:Enabled=true                           Swagger UI at /swagger/
          --Metrics:Enabled=true                           Prometheus at /metrics
          --environment=Development                        plain HTTP, for development on one machine only

        Every key and its default is in docs/configuration.md, how to run it in docs/operations.md, and every command in docs/administration.md.
        Exit codes: 0 it ended on request, or did what was asked; 1 it does not start, or could not do it; 2 the command line is not understood.
        """;

    // Keys without a section, of the host and of the program.
    private static readonly string[] PlainKeys =
        ["environment", "urls", "http_ports", "https_ports", "contentRoot", "applicationName", "PathBase", "AllowedHosts", "ForwardedHeaders_Enabled"];

    // An argument is text, whatever it begins with: no file of more arguments is read.
    private static readonly ParserConfiguration Parsing = new() { ResponseFileTokenReplacer = null };

    private readonly RootCommand _root = new(Introduction);

    public CommandLine(IEnumerable<Command> commands)
    {
        foreach (var command in commands)
        {
            _root.Subcommands.Add(command);
        }

        var help = _root.Options.OfType<HelpOption>().Single();
        help.Action = new Help((HelpAction)help.Action!, this);
    }

    private string Usage =>
        $"""
        {Introduction}

        Usage:
          AuthApi [--KEY=VALUE]...           serve, until SIGTERM or Ctrl+C
          AuthApi COMMAND [--KEY=VALUE]...   run a command; AuthApi COMMAND --help says how
          AuthApi --help                     print this
          AuthApi --version                  print the version

        Commands:
        {string.Join(Environment.NewLine, _root.Subcommands.Select(command => $"  {command.Name,-20}{command.Description}"))}

        {Settings}
        """;

    /// <summary>Serves, or runs the command that the command line names.</summary>
    /// <param name="args">The command line.</param>
    /// <param name="build">Builds the program from settings.</param>
    /// <param name="serve">Says how the program answers requests, and prepares what it serves from.</param>
    /// <returns>The exit code.</returns>
    public async Task<int> RunAsync(string[] args, Func<string[], WebApplication> build, Func<WebApplication, Task> serve)
    {
        var (settings, words) = Split(args);
        if (words.Contains("--version"))
        {
            Console.WriteLine($"AuthApi {Assembly.GetExecutingAssembly().GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion}");
            return CommandExit.Done;
        }

        if (words is [] || (!words.Any(IsHelp) && IsSetting(words[0])))
        {
            return await StartupErrors.RunAsync(async () =>
            {
                var app = build(args);
                await serve(app);
                return app;
            });
        }

        if (Parse(words, Console.Error) is not { } parsed)
        {
            return CommandExit.NotUnderstood;
        }

        return parsed is { Action: not Help, CommandResult.Command: ProgramCommand command }
            ? await new CommandRun(command, parsed, words).RunAsync(settings, build)
            : await parsed.InvokeAsync();
    }

    /// <summary>Reads a command and its arguments, without settings.</summary>
    /// <param name="words">The command and its arguments.</param>
    /// <param name="error">Gets one line where they are not understood.</param>
    /// <returns>What was read; <see langword="null"/> where it is not understood.</returns>
    public ParseResult? Parse(string[] words, TextWriter error)
    {
        var parsed = _root.Parse(words, Parsing);
        if (parsed.Action is not ParseErrorAction action)
        {
            return parsed;
        }

        // What was meant is printed, and is not among the errors.
        using var printed = new StringWriter();
        using var errors = new StringWriter();
        action.ShowHelp = false;
        parsed.Invoke(new InvocationConfiguration { Output = printed, Error = errors });
        var meant = printed.ToString().Split('\n', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries).Skip(1).ToList();
        var names = Names(parsed.CommandResult);
        var reason = parsed.CommandResult.Command.Subcommands.Count > 0 && parsed.UnmatchedTokens is [var word, ..]
            ? $"AuthApi does not know the command '{string.Join(' ', [.. names, word])}'"
            : $"AuthApi {string.Join(' ', [.. names, ""])}does not understand this: {string.Join(' ', parsed.Errors.Select(one => one.Message).Distinct()).TrimEnd('.')}";
        var help = string.Join(' ', ["AuthApi", .. names, "--help"]);
        error.WriteLine($"{reason.ReplaceLineEndings(" ")}; {(meant.Count == 0 ? "" : $"did you mean {string.Join(" or ", meant)}? ")}{(meant.Count == 0 ? "see" : "See")} {help}.");
        return null;
    }

    private static List<string> Names(CommandResult? result)
    {
        var names = new List<string>();
        for (; result?.Parent is CommandResult parent; result = parent)
        {
            names.Insert(0, result.Command.Name);
        }

        return names;
    }

    // Settings are --SECTION:KEY=VALUE, or the same with a space, and a few keys without a section.
    private static (string[] Settings, string[] Words) Split(string[] args)
    {
        var (settings, words) = (new List<string>(), new List<string>());
        for (var i = 0; i < args.Length; i++)
        {
            var name = args[i].Split('=')[0];
            if (!name.StartsWith("--", StringComparison.Ordinal) || !(name.Contains(':', StringComparison.Ordinal) || PlainKeys.Contains(name[2..], StringComparer.OrdinalIgnoreCase)))
            {
                words.Add(args[i]);
                continue;
            }

            settings.Add(args[i]);
            if (name == args[i] && i + 1 < args.Length)
            {
                settings.Add(args[++i]);
            }
        }

        return ([.. settings], [.. words]);
    }

    private static bool IsHelp(string word) => word is "--help" or "-h" or "-?";

    // As the configuration reads them: --key value, --key=value, /key=value, key=value.
    private static bool IsSetting(string word) => word.StartsWith('-') || word.StartsWith('/') || word.Contains('=', StringComparison.Ordinal);

    private sealed class Help(HelpAction standard, CommandLine line) : SynchronousCommandLineAction
    {
        public override int Invoke(ParseResult parseResult)
        {
            var output = parseResult.InvocationConfiguration.Output;
            if (parseResult.CommandResult.Command == line._root)
            {
                output.WriteLine(line.Usage);
                return CommandExit.Done;
            }

            standard.Invoke(parseResult);
            if (parseResult.CommandResult.Command is ProgramCommand command)
            {
                output.WriteLine("Example:");
                output.WriteLine($"  AuthApi {command.Example}");
                output.WriteLine();
                output.WriteLine("Exit codes:");
                output.WriteLine($"  {command.ExitCodes}");
            }

            return CommandExit.Done;
        }
    }
}
