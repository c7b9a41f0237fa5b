using System.Net;
using System.Net.Http.Json;
using System.Text.RegularExpressions;

namespace AuthApi.Samples.Tests;

/// <summary>A browser without scripts: it keeps cookies, follows redirects, and fills in the forms of pages.</summary>
internal sealed partial class Visitor : IDisposable
{
    private readonly CookieContainer _cookies = new();
    private readonly HttpClient _client;

    /// <param name="address">Where the application listens.</param>
    /// <param name="cookies">The value of the header <c>Cookie</c>, where it is a copy of another visitor's.</param>
    public Visitor(Uri address, string? cookies = null)
    {
        _client = new HttpClient(new SocketsHttpHandler { CookieContainer = _cookies, AllowAutoRedirect = cookies is null, UseCookies = cookies is null })
        {
            BaseAddress = address,
        };
        _client.DefaultRequestHeaders.Add("Accept", "text/html,application/xhtml+xml");
        _client.DefaultRequestHeaders.Add("User-Agent", "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0");
        if (cookies is not null)
        {
            _client.DefaultRequestHeaders.Add("Cookie", cookies);
        }
    }

    /// <summary>All cookies, as they are sent.</summary>
    public string Cookies => _cookies.GetCookieHeader(_client.BaseAddress!);

    /// <summary>The names of the cookies.</summary>
    public IEnumerable<string> CookieNames => _cookies.GetCookies(_client.BaseAddress!).Select(cookie => cookie.Name);

    /// <summary>Adds cookies from another visit.</summary>
    /// <param name="cookies">As they are sent.</param>
    public void Add(string cookies) => _cookies.SetCookies(_client.BaseAddress!, cookies.Replace("; ", ",", StringComparison.Ordinal));

    /// <summary>What a thief of the cookies has. It follows no redirect.</summary>
    public Visitor Copy() => new(_client.BaseAddress!, Cookies);

    public Task<HttpResponseMessage> GetAsync(string path) => _client.GetAsync(path);

    public Task<HttpResponseMessage> PostAsync(string path, object body) => _client.PostAsJsonAsync(path, body);

    public Task<HttpResponseMessage> SendAsync(HttpMethod method, string path) => _client.SendAsync(new HttpRequestMessage(method, path));

    /// <summary>Opens a page.</summary>
    /// <returns>Its HTML.</returns>
    public async Task<string> OpenAsync(string path)
    {
        using var response = await GetAsync(path);
        var html = await response.Content.ReadAsStringAsync();
        Assert.That(response.StatusCode, Is.EqualTo(HttpStatusCode.OK), $"{path}: {html}");
        return html;
    }

    /// <summary>Opens a page, fills in a form of it and sends it.</summary>
    /// <param name="path">The page.</param>
    /// <param name="isForm">Which form, by its HTML.</param>
    /// <param name="values">What is written into it.</param>
    /// <returns>The HTML of the page that follows.</returns>
    public async Task<string> SubmitAsync(string path, Func<string, bool> isForm, Dictionary<string, string>? values = null)
    {
        var page = await OpenAsync(path);
        var form = Forms().Matches(page).Select(match => match.Value).FirstOrDefault(isForm);
        Assert.That(form, Is.Not.Null, $"a form in {path}: {page}");
        var fields = Hidden().Matches(form!)
            .Select(match => match.Value)
            .ToDictionary(input => Attribute(input, "name")!, input => Attribute(input, "value") ?? "", StringComparer.Ordinal);
        foreach (var (name, value) in values ?? [])
        {
            fields[name] = value;
        }

        // Of a page of Blazor all addresses are relative to the root, by its base.
        var action = Attribute(Tag().Match(form!).Value, "action") is { Length: > 0 } given ? new Uri(_client.BaseAddress!, given).PathAndQuery : path;
        using var response = await _client.PostAsync(action, new FormUrlEncodedContent(fields));
        var html = await response.Content.ReadAsStringAsync();
        Assert.That(response.StatusCode, Is.EqualTo(HttpStatusCode.OK), $"POST {action}: {html}");
        return html;
    }

    /// <summary>The address of the link with this text.</summary>
    public static string LinkOf(string page, string text)
    {
        var link = Links().Matches(page).FirstOrDefault(match => match.Groups["text"].Value.Trim() == text);
        Assert.That(link, Is.Not.Null, $"a link {text}: {page}");
        return WebUtility.HtmlDecode(link!.Groups["address"].Value);
    }

    /// <summary>The text of the first element of this name.</summary>
    public static string TextOf(string page, string element)
    {
        var match = Regex.Match(page, $"<{element}[^>]*>([^<]*)</{element}>");
        Assert.That(match.Success, Is.True, $"<{element}>: {page}");
        return WebUtility.HtmlDecode(match.Groups[1].Value);
    }

    public void Dispose() => _client.Dispose();

    private static string? Attribute(string tag, string name) =>
        Regex.Match(tag, $"""
            \b{name}="([^"]*)"
            """) is { Success: true } match ? WebUtility.HtmlDecode(match.Groups[1].Value) : null;

    [GeneratedRegex("<form.*?</form>", RegexOptions.Singleline)]
    private static partial Regex Forms();

    [GeneratedRegex("<form[^>]*>")]
    private static partial Regex Tag();

    [GeneratedRegex("""<input[^>]*type="hidden"[^>]*>""")]
    private static partial Regex Hidden();

    [GeneratedRegex("""<a [^>]*href="(?<address>[^"]*)"[^>]*>(?<text>[^<]*)</a>""")]
    private static partial Regex Links();
}
