using System.Globalization;
using System.Text;
using System.Text.Json.Nodes;
using AuthApi.Tests.Harness;

namespace AuthApi.Tests.Api;

/// <summary>How a request comes by a session.</summary>
internal enum FuzzedSession
{
    None,
    Cookie,
    Header,
    Odd,
}

/// <summary>A request that was made up.</summary>
/// <param name="Method">Its method; to HEAD there is no body.</param>
/// <param name="Session">Whether it carries one of the live tokens, and how.</param>
/// <param name="Bytes">All of it, as it goes over the wire.</param>
/// <param name="IsForTheProgram">Whether the server has no reason to refuse it before the program sees it.</param>
internal sealed record FuzzedRequest(string Method, FuzzedSession Session, byte[] Bytes, bool IsForTheProgram)
{
    /// <summary>The request in letters, for a person.</summary>
    public override string ToString() => string.Concat(Bytes.Take(4096).Select(value => value is (>= 0x20 and < 0x7F) or (byte)'\n' ? ((char)value).ToString() : $"\\x{value:x2}"));
}

/// <summary>
/// Makes requests up from the OpenAPI document: as it says, and then a little, or very, wrong. What is added to the document is tried
/// without a line here. Each request follows from its dice alone.
/// </summary>
internal sealed class RequestFuzzer
{
    /// <summary>Tokens that belong to no session.</summary>
    private static readonly string[] DeadTokens =
    [
        "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAB", "", " ", "x", "null", "%00", "\"", "=", ",", "..",
        new string('x', 4096), new string('A', 15_000), new string('A', 20_000), "AAAAAAAAAAAAAAAAAAAAA=AAAAAAAAAAAAAAAAAAAAA", "a b c", "\t",
    ];

    /// <summary>Values as they may stand in JSON, and some that may not.</summary>
    private static readonly string[] Values =
    [
        "null", "true", "false", "0", "-1", "1", "-0", "01", ".5", "1e999", "1.5", "123456789012345678901234567890", "NaN", "Infinity", "undefined",
        "[]", "{}", "[null]", "[[[[[[[[[[[[]]]]]]]]]]]]", "{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":1}}}}}}}}}", "[1,", "{\"a\"", "'text'", "\"",
        "\"\"", "\" \"", "\"a%@example.com\"", "\"\\u0000\"", "\"a\\u0000b@example.com\"", "\"\\ud800\"", "\"\\udc00\\ud800\"", "\"\\ud83d\\ude00@example.com\"", "\"\\uZZZZ\"", "\"\\x\"",
        "\"\u202eada@example.com\"", "\"e\u0301\ufb01\u0130@example.com\"", "\"\uff41\uff44\uff41@example.com\"", "\"\ufeff\"", "\"\ufffd\"", "\"\\r\\nX: y\"",
        "\"ada@example.com\"", "\"ADA@EXAMPLE.COM\"", "\"ada\"", "\"a@b\"", "\"@\"", "\"a@\"", "\"' or 1=1 --\"", "\"<script>\"", "\"${jndi:ldap://a}\"", "\"../../etc/passwd\"", "\"%00\"",
        "\"cookie\"", "\"header\"", "\"COOKIE\"", "\" header\"", "\"0\"", "\"pigeon\"", "\"current\"", "\"true\"", "\"2026-03-01\"", "\"correct horse battery staple\"",
        "\"" + new string('x', 65) + "\"", "\"" + new string('x', 255) + "\"", "\"" + new string('x', 1024) + "\"", "\"" + new string('\u00e9', 5_000) + "\"", "\"" + new string('x', 17_000) + "\"",
        new string('[', 64) + new string(']', 64), new string('[', 5_000), string.Concat(Enumerable.Repeat("{\"a\":", 3_000)), new string('9', 5_000), "\"" + string.Concat(Enumerable.Repeat("\\u0041", 2_000)) + "\"",
    ];

    // None of them is a password that is ever hashed, which would cost a tenth of a second.
    private static readonly string[] NoPasswords =
        ["null", "true", "5", "[]", "{}", "\"\"", "\"\\ud800\"", "[\"correct horse battery staple\"]", "\"" + new string('x', 1025) + "\"", "\"" + new string('\u00e9', 3_000) + "\""];

    private static readonly string[] Keys =
        ["isAdmin", "userId", "id", "__proto__", "constructor", "$type", "$id", "$ref", "", " ", "email ", "\\u0000", "e\\u006dail", "a.b", "[0]", "request", "$", new string('k', 3_000)];

    private static readonly string[] QueryValues =
    [
        "", "0", "1", "-1", "100", "101", "20", "1e2", "0x10", "%2010", "999999999999999999", "9999999999999999999", "00000000000000000001", "current", "others", "all", "Current", "current,all",
        "%00", "%ff", "%ed%a0%80", "%c3%28", "%0d%0aX:%20y", "%", "%zz", "%u0041", "'", "..%2f", "true", "null", "%E2%80%AE", "%D9%A1%D9%A2", new string('9', 300), new string('a', 3_000),
    ];

    private static readonly string[] ContentTypes =
    [
        "text/plain", "text/json", "application/xml", "application/x-www-form-urlencoded", "multipart/form-data", "multipart/form-data; boundary=x", "application/problem+json", "application/*", "*/*",
        "application/json; charset=utf-16", "application/json; charset=iso-8859-1", "application/json; charset=nonsense", "application/json; charset=\"", "application/json; charset=utf-8; charset=utf-16",
        "APPLICATION/JSON", "application/json;;;", ";", "", "json", "application/json, text/plain", "application/json; " + new string('x', 2_000),
    ];

    // The server refuses a longer request line: calls with several parameters come there.
    private const int MaxPath = 8_000;

    // Whole headers, lines and all. A flag says which of them the server may refuse by itself.
    private static readonly (string Text, bool IsForTheProgram)[] Headers =
    [
        ("Origin: null\r\n", true), ("Origin: https://evil.example\r\n", true), ("Origin: http://127.0.0.1\r\n", true), ("Origin: \r\n", true), ("Origin: ://\r\n", true), ("Origin: http://a\r\nOrigin: http://b\r\n", true),
        ("Sec-Fetch-Site: cross-site\r\n", true), ("Sec-Fetch-Site: same-origin\r\n", true), ("Sec-Fetch-Site: none\r\n", true), ("Sec-Fetch-Site: nonsense\r\n", true), ("Sec-Fetch-Site: same-origin\r\nSec-Fetch-Site: cross-site\r\n", true),
        ("Access-Control-Request-Method: POST\r\n", true), ("Access-Control-Request-Headers: authorization, x, ,\r\n", true),
        ("Accept: text/html\r\n", true), ("Accept: text/xml;q=1, */*;q=0\r\n", true), ("Accept: ;;;q=\r\n", true), ("Accept: */*;q=5\r\n", true), ("Accept-Language: xx-" + new string('y', 500) + "\r\n", true), ("Accept-Encoding: gzip, br, zstd, ;q=\r\n", true), ("Accept-Charset: utf-16\r\n", true),
        ("User-Agent: \u0001\r\n", false), ("User-Agent: ((((\r\n", true), ("User-Agent: " + new string('x', 5_000) + "\r\n", true), ("User-Agent: \u00c3\u00a9\u00e2\u0080\u00ae\r\n", false), ("User-Agent: \u00ff\u00fe\r\n", false),
        ("X-Forwarded-For: 1.2.3.4, nonsense\r\n", true), ("X-Forwarded-Proto: https\r\n", true), ("X-Forwarded-Host: evil.example\r\n", true), ("Forwarded: for=\"[::1]\"\r\n", true),
        ("X-HTTP-Method-Override: DELETE\r\n", true), ("X-Content-Length: 5\r\n", true), ("Expect: 100-continue\r\n", true), ("Expect: nonsense\r\n", false), ("Content-Encoding: gzip\r\n", true), ("Upgrade: websocket\r\nConnection: Upgrade\r\n", true),
        ("If-None-Match: *\r\n", true), ("If-Modified-Since: nonsense\r\n", true), ("Range: bytes=0-1\r\n", true), ("Cookie: \r\n", true), ("Cookie: ;;=;;session;\r\n", true), ("Cookie: __Host-session=x; a=\"\r\n", true),
        ("traceparent: 00-00000000000000000000000000000000-0000000000000000-00\r\n", true), ("traceparent: nonsense\r\ntracestate: =,=\r\nbaggage: a=%00,\r\n", true), ("Request-Id: |" + new string('a', 2_000) + ".\r\n", true),
        ("X-A: a\0b\r\n", false), ("X-A: \u00e9\u00ff\r\n", false), ("X-A\r\n", false), ("Host: b\r\n", false), (new string('X', 9_000) + ": 1\r\n", true), ("X-A: " + new string('x', 40_000) + "\r\n", false),
        (string.Concat(Enumerable.Range(0, 101).Select(i => $"X-{i}: 1\r\n")), false), (string.Concat(Enumerable.Repeat("Accept: a/b\r\n", 20)), true),
    ];

    private static readonly string[] OtherMethods = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND", "QUERY", "post", "X"];

    private readonly List<Operation> _operations = [];

    public RequestFuzzer(JsonNode document)
    {
        foreach (var (path, methods) in document["paths"]!.AsObject())
        {
            foreach (var (method, operation) in methods!.AsObject())
            {
                var schema = operation!["requestBody"]?["content"]?["application/json"]?["schema"];
                if (schema?["$ref"]?.GetValue<string>() is { } reference)
                {
                    schema = document["components"]!["schemas"]![reference[(reference.LastIndexOf('/') + 1)..]];
                }

                var query = operation["parameters"]?.AsArray().Where(parameter => parameter!["in"]!.GetValue<string>() == "query").Select(parameter => parameter!["name"]!.GetValue<string>());
                _operations.Add(new Operation(path, method.ToUpperInvariant(), [.. query ?? []], schema?["properties"]?.AsObject()));
            }
        }
    }

    /// <summary>Makes a request up.</summary>
    /// <param name="dice">What decides everything about it.</param>
    /// <param name="mayHash">Whether it may be right enough for a password to be hashed.</param>
    /// <param name="tokenOf">The live token for a way to carry it.</param>
    public FuzzedRequest Make(Dice dice, bool mayHash, Func<FuzzedSession, string> tokenOf)
    {
        var operation = mayHash ? dice.Of(_operations.FindAll(candidate => candidate.TakesPassword)) : dice.Of(_operations);
        var method = mayHash || !dice.OneIn(5) ? operation.Method : dice.Of(OtherMethods);
        var isForTheProgram = true;
        var path = MakePath(dice, operation.Path, ref isForTheProgram) + MakeQuery(dice, operation.Query);
        isForTheProgram &= path.Length <= MaxPath;
        var session = MakeSession(dice, endsIt: operation.Body is null && operation.Method != "GET" && method == operation.Method);

        var head = new StringBuilder($"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n");
        head.Append(session switch
        {
            FuzzedSession.Cookie => $"Cookie: a=b; session={tokenOf(session)}\r\n",
            FuzzedSession.Header => $"Authorization: Session {tokenOf(session)}\r\n",
            FuzzedSession.Odd => dice.Of("Authorization: Session ", "Authorization: Basic ", "authorization: session  ", "Authorization: ", "Cookie: session=", "Cookie: ;session=x;session=", "Cookie: ") + dice.Of(DeadTokens) + "\r\n",
            _ => "",
        });

        for (var headers = dice.Of(0, 0, 0, 1, 1, 2, 3); headers > 0; headers--)
        {
            var (text, isFine) = dice.Of(Headers);
            head.Append(text);

            // Two that are fine may be too many together.
            isForTheProgram &= isFine && head.Length < 32_000;
        }

        var hasBody = operation.Body is not null ? !dice.OneIn(20) : dice.OneIn(6);
        var body = hasBody ? MakeBody(dice, operation.Body, mayHash) : [];
        if (hasBody || method is "POST" or "PUT" or "PATCH")
        {
            if (!dice.OneIn(15))
            {
                head.Append("Content-Type: ").Append(mayHash || !dice.OneIn(8) ? "application/json" : dice.Of(ContentTypes)).Append("\r\n");
            }

            if (dice.OneIn(10))
            {
                head.Append("Transfer-Encoding: chunked\r\n\r\n");
                return new FuzzedRequest(method, session, [.. Encoding.Latin1.GetBytes(head.ToString()), .. Chunked(dice, body)], isForTheProgram);
            }

            head.Append(CultureInfo.InvariantCulture, $"Content-Length: {body.Length}\r\n");
        }

        return new FuzzedRequest(method, session, [.. Encoding.Latin1.GetBytes(head.Append("\r\n").ToString()), .. body], isForTheProgram);
    }

    private static FuzzedSession MakeSession(Dice dice, bool endsIt)
    {
        var session = dice.Of(FuzzedSession.None, FuzzedSession.Cookie, FuzzedSession.Cookie, FuzzedSession.Header, FuzzedSession.Header, FuzzedSession.Odd);

        // A session that is ended costs a login, and so a password that is hashed.
        return endsIt && !dice.OneIn(100) && session is not FuzzedSession.Odd ? FuzzedSession.None : session;
    }

    private static string MakePath(Dice dice, string template, ref bool isForTheProgram)
    {
        var path = template;
        for (var open = path.IndexOf('{', StringComparison.Ordinal); open >= 0; open = path.IndexOf('{', StringComparison.Ordinal))
        {
            var value = dice.Of("01998c5e-6c1f-7d0a-8a53-2f9c1d4b7e60", "1", "0", "-1", "a", "%20", "%2f", "%5c", "%ed%a0%80", "%c3%a9", "..", ".", "%zz", "a;b", "a%0d%0ab", "{id}", "*", new string('a', 4_000))
                .Replace('{', '(').Replace('}', ')');
            path = path[..open] + value + path[(path.IndexOf('}', open) + 1)..];
        }

        if (!dice.OneIn(12))
        {
            return path;
        }

        switch (dice.Next(8))
        {
            case 0: return path + "/";
            case 1: return path.TrimEnd('/') is { Length: > 0 } trimmed ? trimmed : "/";
            case 2: return "/" + path;
            case 3: return path.ToUpperInvariant();
            case 4: return "/x/.." + path;
            case 5: return path + dice.Of(".", "..", ";", "%20", "%2f", "%5c", "%E2%80%8B", "%", "%ff");
            case 6: return $"/%{(int)path[1]:x2}{path[2..]}";
            default:
                isForTheProgram = false;
                return path + dice.Of("%00", "\u00e9", "\\", "\u0001", new string('a', 9_000));
        }
    }

    private static string MakeQuery(Dice dice, List<string> declared)
    {
        var query = new List<string>();
        foreach (var name in declared)
        {
            for (var times = dice.Of(0, 1, 1, 2); times > 0; times--)
            {
                query.Add($"{(dice.OneIn(8) ? name.ToUpperInvariant() : name)}={dice.Of(QueryValues)}");
            }
        }

        if (dice.OneIn(8))
        {
            query.Add(dice.Of("userId=43", "_method=POST", "returnUrl=//evil.example", "[", "limit[0]=1", "a.b[c].d=1", "=", "&&", "?", "%00=%00", "$=1", "session=x", string.Concat(Enumerable.Repeat("a=1&", 500))));
        }

        return query.Count == 0 ? "" : "?" + string.Join('&', query);
    }

    private static byte[] MakeBody(Dice dice, JsonObject? properties, bool mayHash)
    {
        var fields = new List<(string Key, string Value)>();
        foreach (var (key, schema) in properties ?? [])
        {
            if (IsPassword(key) && !mayHash)
            {
                fields.Add((key, dice.Of(NoPasswords)));
            }
            else if (IsPassword(key) || !dice.OneIn(3))
            {
                // What has no example is optional, and more often wrong than right.
                var example = schema!["example"]?.ToJsonString();
                if (example is not null || !mayHash || dice.OneIn(8))
                {
                    fields.Add((key, example ?? dice.Of(Values)));
                }
            }
        }

        // Few of those that may come as far as a hash are spoilt so that they do not.
        for (var changes = mayHash ? dice.Of(0, 1) : dice.Of(0, 1, 1, 2, 3); changes > 0; changes--)
        {
            var i = dice.Next(fields.Count + 1);
            if (i == fields.Count)
            {
                fields.Add((dice.Of(Keys), dice.Of(Values)));
            }
            else if (IsPassword(fields[i].Key) && !mayHash)
            {
                fields[i] = (dice.Of("password", "Password", "PASSWORD"), dice.Of(NoPasswords));
            }
            else
            {
                switch (dice.Next(5))
                {
                    case 0: fields.RemoveAt(i); break;
                    case 1: fields.Add(fields[i]); break;
                    case 2: fields[i] = (fields[i].Key.ToUpperInvariant(), fields[i].Value); break;
                    default: fields[i] = (fields[i].Key, dice.Of(Values)); break;
                }
            }
        }

        var json = "{" + string.Join(",", fields.Select(field => $"\"{field.Key}\":{field.Value}")) + "}";
        if (mayHash || !dice.OneIn(6))
        {
            return Encoding.UTF8.GetBytes(json);
        }

        var bytes = Encoding.UTF8.GetBytes(json);
        switch (dice.Next(14))
        {
            case 0: return bytes[..dice.Next(bytes.Length)];
            case 1: return [0xEF, 0xBB, 0xBF, .. bytes];
            case 2: return Encoding.Unicode.GetBytes(json);
            case 3: return [0xFE, 0xFF, .. Encoding.BigEndianUnicode.GetBytes(json)];
            case 4: return Encoding.UTF32.GetBytes(json);
            case 5: return Encoding.UTF8.GetBytes($"[{json}]");
            case 6: return Encoding.UTF8.GetBytes(json + dice.Of(json, ",", "}", "\0", " x", "\u0080"));
            case 7: return Encoding.UTF8.GetBytes(dice.Of(Values));
            case 8: return Encoding.UTF8.GetBytes("/* a */" + json.Replace("}", ",}", StringComparison.Ordinal));
            case 9: return Encoding.UTF8.GetBytes(new string(' ', dice.Of(1, 4_000, 16_384, 17_000)) + json);
            case 10: return Encoding.UTF8.GetBytes(dice.Of("email=ada%40example.com&password=x", "--x\r\nContent-Disposition: form-data; name=\"email\"\r\n\r\nada\r\n--x--", "<a/>", "\0\0\0\0", "\u001f\u008b\b"));
            case 11: return [.. Enumerable.Range(0, dice.Next(2_000)).Select(_ => (byte)dice.Next(256))];
            default:
                // A byte or two that are something else.
                for (var flips = dice.Of(1, 2, 8); flips > 0; flips--)
                {
                    bytes[dice.Next(bytes.Length)] = dice.Of<byte>(0, 0xFF, 0xC0, 0xED, 0x80, (byte)'"', (byte)'\\', (byte)dice.Next(256));
                }

                return bytes;
        }
    }

    private static byte[] Chunked(Dice dice, byte[] body)
    {
        var bytes = new List<byte>();
        for (var start = 0; start < body.Length;)
        {
            // Many small ones of a large body would be a test of patience.
            var size = Math.Min(body.Length - start, Math.Max(dice.Of(1, 7, 100, 4_096, 20_000), body.Length / 20));
            bytes.AddRange([.. Encoding.ASCII.GetBytes($"{size:x}{dice.Of("", ";a=b", ";")}\r\n"), .. body[start..(start + size)], (byte)'\r', (byte)'\n']);
            start += size;
        }

        bytes.AddRange("0\r\n\r\n"u8);
        return [.. bytes];
    }

    private static bool IsPassword(string key) => key.Contains("password", StringComparison.OrdinalIgnoreCase);

    private sealed record Operation(string Path, string Method, List<string> Query, JsonObject? Body)
    {
        public bool TakesPassword => Body?.Any(property => IsPassword(property.Key)) == true;
    }
}
