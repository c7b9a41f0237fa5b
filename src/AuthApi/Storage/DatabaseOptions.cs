using System.ComponentModel.DataAnnotations;

namespace AuthApi.Storage;

/// <summary>The configuration section <c>Database</c>.</summary>
public sealed class DatabaseOptions
{
    public const string Section = "Database";

    /// <summary>Which database holds the accounts and sessions. <c>Sqlite</c> is the only one so far.</summary>
    [AllowedValues("Sqlite", ErrorMessage = Section + ":Provider is unknown; this version has Sqlite.")]
    public string Provider { get; set; } = "Sqlite";
}
