using System.Globalization;

namespace AuthApi.Benchmarks.Runs;

/// <summary>What the command line says beside the name of a run.</summary>
internal sealed record RunOptions
{
    /// <summary>The <c>AuthApi.dll</c> that was built with this program.</summary>
    public static readonly string BuiltAuthApi = Path.Combine(AppContext.BaseDirectory, "AuthApi.dll");

    /// <summary>Fewer and shorter rounds, to see that everything works.</summary>
    public bool Quick { get; private init; }

    /// <summary>The <c>AuthApi.dll</c> that is measured: by default <see cref="BuiltAuthApi"/>.</summary>
    public string AuthApi { get; private init; } = BuiltAuthApi;

    /// <summary>The <c>AuthApi.dll</c> of another build, measured beside it.</summary>
    public string? Against { get; private init; }

    /// <summary>The number that a run takes: sessions, minutes, …</summary>
    public int? Number { get; private init; }

    /// <summary>How many rounds.</summary>
    public int? Rounds { get; private init; }

    /// <exception cref="ArgumentException">There is no such option.</exception>
    public static RunOptions Parse(IEnumerable<string> arguments)
    {
        var options = new RunOptions();
        var left = new Queue<string>(arguments);
        while (left.TryDequeue(out var name))
        {
            options = name switch
            {
                "--quick" => options with { Quick = true },
                "--rounds" => options with { Rounds = ParseCount(Value()) },
                "--authapi" => options with { AuthApi = ParsePath(Value()) },
                "--against" => options with { Against = ParsePath(Value()) },
                _ => options with { Number = ParseCount(name) },
            };

            string Value() => left.TryDequeue(out var value) ? value : throw new ArgumentException($"{name} needs a value.");
        }

        return options;
    }

    /// <summary>Chooses by <see cref="Quick"/>.</summary>
    public T Choose<T>(T full, T quick) => Quick ? quick : full;

    private static int ParseCount(string text) =>
        int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number) && number > 0
            ? number
            : throw new ArgumentException($"{text} is neither an option nor a number above 0.");

    private static string ParsePath(string path) => File.Exists(path) ? Path.GetFullPath(path) : throw new ArgumentException($"There is no file {path}.");
}
