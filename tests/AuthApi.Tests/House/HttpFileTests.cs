using System.Text;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using AuthApi.Tests.Harness;

namespace AuthApi.Tests.House;

/// <summary>The requests for editors, docs/AuthApi.http, are answered as their headings say.</summary>
internal sealed partial class HttpFileTests
{
    private static readonly string File = Path.Combine(Repository.Root, "docs", "AuthApi.http");

    [Test]
    public async Task Every_request_in_the_file_is_answered_as_its_heading_says()
    {
        await using var application = new AuthApiApplication();
        using var browser = application.NewBrowser("http");
        var text = await System.IO.File.ReadAllTextAsync(File);
        var values = Variables().Matches(text).ToDictionary(variable => variable.Groups[1].Value, variable => variable.Groups[2].Value);
        var answers = new Dictionary<string, (HttpResponseMessage Response, string Body)>(StringComparer.Ordinal);

        var requests = Requests().Matches(text);
        foreach (Match request in requests)
        {
            // Each request says by itself what it carries, so that it does not rest on an editor's jar.
            browser.Cookies.Clear();
            var heading = request.Groups["heading"].Value;
            var response = await browser.SendAsync(
                new HttpMethod(request.Groups["method"].Value),
                Filled(request.Groups["address"].Value)[values["address"].Length..],
                request.Groups["body"].Success ? new StringContent(Filled(request.Groups["body"].Value), Encoding.UTF8, "application/json") : null,
                message =>
                {
                    foreach (Capture header in request.Groups["header"].Captures)
                    {
                        var (name, value) = header.Value.Split(": ", 2) is [var before, var after] ? (before, after) : throw new FormatException(header.Value);
                        message.Headers.TryAddWithoutValidation(name, Filled(value));
                    }
                });
            var body = await response.Content.ReadAsStringAsync();
            if (request.Groups["name"].Success)
            {
                answers[request.Groups["name"].Value] = (response, body);
            }

            Assert.That($"{(int)response.StatusCode}", Is.EqualTo(request.Groups["status"].Value), $"{heading} {body}");
        }

        Assert.That(requests, Has.Count.EqualTo(Regex.Count(text, "^### ", RegexOptions.Multiline)), "Not every request was understood.");

        string Filled(string template) => References().Replace(template, reference => reference.Groups[1].Value.Split('.') switch
        {
            [var name] => values[name],
            [var name, "response", "headers", var header] => string.Join(", ", answers[name].Response.Headers.GetValues(header)),
            [var name, "response", "body", "$", .. var path] =>
                path.Aggregate(JsonNode.Parse(answers[name].Body)!, (node, key) => node[key]!).GetValue<string>(),
            _ => throw new FormatException(reference.Value),
        });
    }

    [GeneratedRegex(@"^@(\w+) = (.+)$", RegexOptions.Multiline)]
    private static partial Regex Variables();

    [GeneratedRegex(@"\{\{([^}]+)\}\}")]
    private static partial Regex References();

    // A heading with the status, perhaps a name, the method and the address, headers, and perhaps a body after an empty line.
    [GeneratedRegex(
        @"^\#\#\#\ (?<heading>.+?:\ (?<status>\d{3})\b.*)\n(\#\ @name\ (?<name>\w+)\n)?(?<method>[A-Z]+)\ (?<address>\S+)\n((?<header>[\w-]+:\ .+)\n)*(\n(?<body>\{.*\})\n)?",
        RegexOptions.Multiline | RegexOptions.IgnorePatternWhitespace | RegexOptions.ExplicitCapture)]
    private static partial Regex Requests();
}
