using System.Reflection;

namespace AuthApi.Startup;

/// <summary>What can be said on the command line beside settings.</summary>
internal static class CommandLine
{
    private const string Usage = """
        AuthApi: session-based authentication over HTTP, in which logging out really ends the session.

        Usage:
          AuthApi [--KEY=VALUE]...   serve, until SIGTERM or Ctrl+C
          AuthApi --help             print this
          AuthApi --version          print the version

        The keys that are set most (in appsettings.json too, or as environment variables with __ for the colon):
          --Urls=https://*:443                             the addresses it listens on, with semicolons between them
          --Kestrel:Certificates:Default:Path=/etc/a.pem   the certificate for them, and :KeyPath its key
          --ConnectionStrings:Auth="Data Source=data/auth.db"  the database
          --ForwardedHeaders:KnownProxies=10.0.0.1         the proxy that does the TLS, if one does
          --Sessions:IdleTimeout=00:30:00                  when an unused session ends
          --Swagger:Enabled=true                           Swagger UI at /swagger/
          --Metrics:Enabled=true                           Prometheus at /metrics
          --environment=Development                        plain HTTP, for development on one machine only

        Every key and its default is in docs/configuration.md, and how to run it in docs/operations.md.
        Exit codes: 0 it ended on request, 1 it does not start, 2 the command line is not understood.
        """;

    /// <summary>Says what was asked for, if anything was but to serve.</summary>
    /// <returns>The exit code with which to end, or <see langword="null"/> to serve.</returns>
    public static int? Answer(string[] args)
    {
        if (args.Any(argument => argument is "--help" or "-h" or "-?"))
        {
            Console.WriteLine(Usage);
            return 0;
        }

        if (args.Contains("--version"))
        {
            Console.WriteLine($"AuthApi {Assembly.GetExecutingAssembly().GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion}");
            return 0;
        }

        if (args is [var word, ..] && !IsSetting(word))
        {
            Console.Error.WriteLine($"AuthApi does not know the command '{word.ReplaceLineEndings(" ")}'; see AuthApi --help.");
            return 2;
        }

        return null;
    }

    // As the configuration reads them: --key value, --key=value, /key=value, key=value.
    private static bool IsSetting(string argument) => argument.StartsWith('-') || argument.StartsWith('/') || argument.Contains('=', StringComparison.Ordinal);
}
