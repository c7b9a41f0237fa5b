namespace AuthApi.Commands;

/// <summary>The exit codes that all commands have.</summary>
internal static class CommandExit
{
    /// <summary>It was done.</summary>
    public const int Done = 0;

    /// <summary>It was not done, or not wholly; standard error says why.</summary>
    public const int Failed = 1;

    /// <summary>The command line is not understood.</summary>
    public const int NotUnderstood = 2;
}
