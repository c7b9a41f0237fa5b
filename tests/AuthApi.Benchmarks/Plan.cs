namespace AuthApi.Benchmarks;

/// <summary>How long each part of the comparison takes.</summary>
internal sealed record Plan
{
    /// <summary>How many sessions take turns in <c>GET /me/</c>.</summary>
    public const int MeSessions = 1_000;

    /// <summary>How many tokens are tried again when all is over.</summary>
    public const int ReplayedTokens = 1_000;

    /// <summary>A .NET server needs about 12 seconds of load before its rate stops growing.</summary>
    public static readonly Plan Full = new()
    {
        MeWarmUp = TimeSpan.FromSeconds(12),
        MeRound = TimeSpan.FromSeconds(5),
        MeRounds = 9,
        WarmUpLogouts = 24_000,
        LogoutsARound = 500,
        LogoutRounds = 45,
        FirstUseLogoutsARound = 4_000,
        FirstUseRounds = 5,
    };

    public static readonly Plan Quick = new()
    {
        MeWarmUp = TimeSpan.FromSeconds(10),
        MeRound = TimeSpan.FromSeconds(2),
        MeRounds = 5,
        WarmUpLogouts = 2_000,
        LogoutsARound = 500,
        LogoutRounds = 15,
        FirstUseLogoutsARound = 600,
        FirstUseRounds = 3,
    };

    public required TimeSpan MeWarmUp { get; init; }

    public required TimeSpan MeRound { get; init; }

    public required int MeRounds { get; init; }

    public required int WarmUpLogouts { get; init; }

    /// <summary>Far fewer than AuthApi's cache holds, so that a session used just before is still at hand.</summary>
    public required int LogoutsARound { get; init; }

    public required int LogoutRounds { get; init; }

    public required int FirstUseLogoutsARound { get; init; }

    public required int FirstUseRounds { get; init; }

    public int Sessions => MeSessions + WarmUpLogouts + (LogoutRounds * LogoutsARound) + (FirstUseRounds * FirstUseLogoutsARound);
}
