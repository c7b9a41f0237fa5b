namespace AuthApi.Benchmarks.Subjects;

/// <summary>What the servers are configured with.</summary>
internal static class ServerArguments
{
    // All the load comes from one address. The requests are counted as usual, so that the figures have the cost of counting.
    private static readonly string[] Unlimited =
    [
        "--RateLimiting:RequestsPerMinute", "1000000000",
        "--RateLimiting:LoginsPerMinute", "1000000000",
        "--RateLimiting:RegistrationsPerHour", "1000000000",
        "--RateLimiting:RegistrationAttemptsPerHour", "1000000000",
    ];

    /// <summary>AuthApi as shipped but for its database and the limits of requests.</summary>
    /// <param name="program">The <c>AuthApi.dll</c> to run.</param>
    /// <param name="folder">Where its database lies.</param>
    public static string[] ForAuthApi(string program, string folder) => [program, .. For(DataFolder.AuthApiDatabase(folder)), .. Unlimited];

    /// <summary>The same on PostgreSQL.</summary>
    /// <param name="program">The <c>AuthApi.dll</c> to run.</param>
    /// <param name="connectionString">Its database.</param>
    public static string[] ForAuthApiOnPostgreSql(string program, string connectionString) =>
        [program, "--environment", "Development", "--Database:Provider", "PostgreSql", "--ConnectionStrings:Auth", connectionString, .. Unlimited];

    /// <summary>Development, as only there does AuthApi serve plain HTTP; for all, as the environment changes what the framework does.</summary>
    public static string[] For(string database) => ["--environment", "Development", "--ConnectionStrings:Auth", $"Data Source={database}"];
}
