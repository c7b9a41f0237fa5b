namespace AuthApi.Sessions;

/// <summary>
/// A <c>User-Agent</c> in words that a person recognizes, such as "Firefox on Linux". It is a small table, not a parser: first match
/// wins, and a client that is not in it is named by its first product. The raw string is always shown beside it.
/// </summary>
internal static class DeviceName
{
    // The order matters: most browsers also claim to be those that stand below them here.
    private static readonly (string Mark, string Name)[] Clients =
    [
        ("PostmanRuntime/", "Postman"),
        ("insomnia/", "Insomnia"),
        ("curl/", "curl"),
        ("Wget/", "Wget"),
        ("python-requests/", "Python Requests"),
        ("HTTPie/", "HTTPie"),
        ("EdgiOS/", "Edge"),
        ("EdgA/", "Edge"),
        ("Edg/", "Edge"),
        ("OPR/", "Opera"),
        ("OPiOS/", "Opera"),
        ("SamsungBrowser/", "Samsung Internet"),
        ("Vivaldi/", "Vivaldi"),
        ("YaBrowser/", "Yandex Browser"),
        ("DuckDuckGo/", "DuckDuckGo"),
        ("FxiOS/", "Firefox"),
        ("Firefox/", "Firefox"),
        ("CriOS/", "Chrome"),
        ("HeadlessChrome/", "Headless Chrome"),
        ("; wv)", "In-app browser"),
        ("Chromium/", "Chromium"),
        ("Chrome/", "Chrome"),
        ("Trident/", "Internet Explorer"),
        ("Version/", "Safari"),
    ];

    private static readonly (string Mark, string Name)[] Systems =
    [
        ("iPhone", "iPhone"),
        ("iPad", "iPad"),
        ("Watch OS", "Apple Watch"),
        ("Android", "Android"),
        ("Windows", "Windows"),
        ("CrOS", "ChromeOS"),
        ("Macintosh", "macOS"),
        ("Mac OS X", "macOS"),
        ("macOS", "macOS"),
        ("iOS", "iOS"),
        ("Darwin", "Apple device"),
        ("Linux", "Linux"),
    ];

    /// <summary>The words for this header, or <see langword="null"/> where there is none.</summary>
    public static string? Of(string? userAgent)
    {
        if (string.IsNullOrWhiteSpace(userAgent))
        {
            return null;
        }

        var client = Find(Clients, userAgent) ?? FirstProduct(userAgent);
        return Find(Systems, userAgent) is { } system ? $"{client} on {system}" : client;
    }

    private static string? Find((string Mark, string Name)[] table, string userAgent)
    {
        foreach (var (mark, name) in table)
        {
            if (userAgent.Contains(mark, StringComparison.Ordinal))
            {
                return name;
            }
        }

        return null;
    }

    // An application's own: "AuthApi-iOS/1.4 (iPhone; …)" becomes "AuthApi-iOS app".
    private static string FirstProduct(string userAgent)
    {
        var name = userAgent.AsSpan().TrimStart();
        var end = name.IndexOfAny('/', ' ', '(');
        name = end > 0 ? name[..end] : name;
        return name.StartsWith("Mozilla", StringComparison.Ordinal)
            ? "Browser"
            : $"{name[..Math.Min(name.Length, 40)]} app";
    }
}
