namespace AuthApi.Benchmarks.Runs;

/// <summary>How long each part of the comparison takes.</summary>
internal sealed record Plan
{
    /// <summary>How many sessions take turns in <c>GET /me/</c>.</summary>
    public const int MeSessions = 1_000;

    /// <summary>Fewer than AuthApi's cache holds, so that a session used just before is still at hand.</summary>
    public const int LogoutsARound = 2_000;

    /// <summary>How many tokens are tried again when all is over.</summary>
    public const int ReplayedTokens = 1_000;

    /// <summary>A .NET server needs about 12 seconds of load before its rate stops growing.</summary>
    public static readonly Plan Full = new()
    {
        WarmUpRounds = 5,
        MeWarmUp = TimeSpan.FromSeconds(3),
        MeRound = TimeSpan.FromSeconds(4),
        MeRounds = 9,
        WarmUpLogouts = 12_000,
        LogoutWarmUp = TimeSpan.FromSeconds(2),
        LogoutRound = TimeSpan.FromSeconds(1.5),
        LogoutRounds = 21,
        FirstUseRounds = 9,
    };

    public static readonly Plan Quick = new()
    {
        WarmUpRounds = 4,
        MeWarmUp = TimeSpan.FromSeconds(1.5),
        MeRound = TimeSpan.FromSeconds(1),
        MeRounds = 4,
        WarmUpLogouts = 6_000,
        LogoutWarmUp = TimeSpan.FromSeconds(1),
        LogoutRound = TimeSpan.FromSeconds(0.6),
        LogoutRounds = 5,
        FirstUseRounds = 3,
    };

    /// <summary>In turn, as what is measured is: between two rounds a server compiles anew what the first has shown to matter.</summary>
    public required int WarmUpRounds { get; init; }

    public required TimeSpan MeWarmUp { get; init; }

    public required TimeSpan MeRound { get; init; }

    public required int MeRounds { get; init; }

    public required int WarmUpLogouts { get; init; }

    /// <summary>The longest that <see cref="WarmUpLogouts"/> may take.</summary>
    public required TimeSpan LogoutWarmUp { get; init; }

    /// <summary>The longest that a round of logouts may take.</summary>
    public required TimeSpan LogoutRound { get; init; }

    public required int LogoutRounds { get; init; }

    public required int FirstUseRounds { get; init; }

    public int Sessions => MeSessions + (WarmUpRounds * WarmUpLogouts) + ((LogoutRounds + FirstUseRounds) * LogoutsARound);
}
