namespace AuthApi.Startup;

/// <summary>Where the server is configured to listen.</summary>
internal static class ListenAddresses
{
    // The server's own, where nothing is configured.
    private const string Default = "http://localhost:5000";

    /// <summary>Reads the addresses in the server's own order: its endpoints, else the addresses, else the ports.</summary>
    /// <returns>Each as it is configured, as <c>https://*:443</c>.</returns>
    public static IReadOnlyList<string> Read(IConfiguration configuration)
    {
        var endpoints = configuration.GetSection("Kestrel:Endpoints").GetChildren().Select(endpoint => endpoint["Url"] ?? "").ToList();
        if (endpoints.Count > 0)
        {
            return endpoints;
        }

        var addresses = Split(configuration[WebHostDefaults.ServerUrlsKey]);
        if (addresses.Length > 0)
        {
            return addresses;
        }

        List<string> ports =
        [
            .. Split(configuration[WebHostDefaults.HttpPortsKey]).Select(port => $"http://*:{port}"),
            .. Split(configuration[WebHostDefaults.HttpsPortsKey]).Select(port => $"https://*:{port}"),
        ];
        return ports.Count > 0 ? ports : [Default];
    }

    private static string[] Split(string? list) => list?.Split(';', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries) ?? [];
}
