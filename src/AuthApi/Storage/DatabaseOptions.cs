using System.ComponentModel.DataAnnotations;

namespace AuthApi.Storage;

/// <summary>The configuration section <c>Database</c>.</summary>
public sealed class DatabaseOptions
{
    public const string Section = "Database";

    internal const string Sqlite = "Sqlite";
    internal const string PostgreSql = "PostgreSql";

    /// <summary>Which database holds the accounts and sessions: <c>Sqlite</c>, for one process, or <c>PostgreSql</c>, for several nodes.</summary>
    [AllowedValues(Sqlite, PostgreSql, ErrorMessage = Section + ":Provider is unknown; there are Sqlite and PostgreSql.")]
    public string Provider { get; set; } = Sqlite;

    /// <summary>Whether the connection to a PostgreSQL server on another machine may be without TLS.</summary>
    public bool AllowPlaintext { get; set; }

    /// <summary>Reads the section where it is needed before the options are: to choose the services.</summary>
    internal static DatabaseOptions Of(IConfiguration configuration) => configuration.GetSection(Section).Get<DatabaseOptions>() ?? new();
}
