namespace AuthApi.Storage;

/// <summary>The configuration section <c>Database</c>.</summary>
public sealed class DatabaseOptions
{
    public const string Section = "Database";

    /// <summary>Which database holds the accounts and sessions. <c>Sqlite</c> is the only one so far.</summary>
    public string Provider { get; set; } = "Sqlite";
}
