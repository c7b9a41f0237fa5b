using System.Diagnostics;
using System.Net;
using System.Net.Http.Json;
using System.Text.Json.Nodes;

namespace AuthApi.FaultTests.Harness;

/// <summary>
/// Somebody with an account, who logs in, logs out, revokes and resets, over programs that may be killed in the middle of each where the ledger says so.
/// </summary>
internal sealed class Person(string email, Ledger ledger, string mailFolder)
{
    private const int Kinds = 4;

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(5);

    private readonly List<string> _tokens = [];
    private readonly HashSet<string> _usedCodes = new(StringComparer.Ordinal);

    // More than one where a change was sent and not answered.
    private List<string> _passwords = [];
    private (string Password, string Code)? _unanswered;
    private int _changes;
    private int _registrations;
    private bool _isRegistered;

    /// <summary>How often they have begun to end sessions.</summary>
    public int Turns { get; private set; }

    /// <summary>How many ends of each kind were acknowledged.</summary>
    public Dictionary<string, int> Ends { get; } = new(StringComparer.Ordinal) { ["logout"] = 0, ["revocation"] = 0, ["end of others"] = 0, ["reset"] = 0 };

    /// <summary>Whether an end of each kind was acknowledged.</summary>
    public bool HasEndedEachWay => Ends.Values.All(count => count > 0);

    /// <summary>Lives on until the program breaks off or the load ends. Goes on with the kind of end that follows the last one.</summary>
    public async Task LiveAsync(Uri address, CancellationToken ending)
    {
        using var client = NewClient(address);
        try
        {
            while (!ending.IsCancellationRequested)
            {
                if (!_isRegistered)
                {
                    await RegisterAsync(client);
                }

                var kept = await LogInAsync(client);
                var other = await LogInAsync(client);
                switch (Turns++ % Kinds)
                {
                    case 0:
                        Count("logout", await ledger.EndAsync(kept.Token, () => SendAsync(client, kept.Token, HttpMethod.Post, "/logout/")));
                        break;
                    case 1:
                        Count("revocation", await ledger.EndAsync(other.Token, () => SendAsync(client, kept.Token, HttpMethod.Delete, $"/sessions/{other.Id}/")));
                        break;
                    case 2:
                        Count("end of others", await EndOthersAsync(client, kept.Token));
                        break;
                    default:
                        await ResetAsync(client, ending);
                        break;
                }
            }
        }
        catch (OperationCanceledException) when (ending.IsCancellationRequested)
        {
        }
        catch (Exception exception) when (ledger.MayBreakOff && exception is HttpRequestException or IOException or TaskCanceledException)
        {
            // Killed in the middle of a call: nothing was answered, so nothing is promised.
        }
    }

    /// <summary>Asserts that an acknowledged account can be logged in to, by the password that was acknowledged last.</summary>
    public async Task CheckAsync(Uri address)
    {
        using var client = NewClient(address);
        if (!_isRegistered)
        {
            return;
        }

        var right = new List<string>();
        foreach (var password in _passwords)
        {
            using var response = await client.PostAsJsonAsync("/login/", new { email, password, transport = "header" });
            if (response.StatusCode == HttpStatusCode.OK)
            {
                right.Add(password);
                Note(await response.Content.ReadFromJsonAsync<JsonNode>());
            }
        }

        Assert.That(right, Has.Count.EqualTo(1), $"of {_passwords.Count} passwords of {email}");
        _passwords = right;

        // What was not answered was not done: its code is good still, and no other is mailed for five minutes.
        if (_unanswered is { } reset && reset.Password != right[0])
        {
            _usedCodes.Remove(reset.Code);
        }

        _unanswered = null;
    }

    private static HttpClient NewClient(Uri address) => new(new SocketsHttpHandler { UseCookies = false }) { BaseAddress = address };

    private static async Task<HttpResponseMessage> SendAsync(HttpClient client, string token, HttpMethod method, string path)
    {
        using var request = new HttpRequestMessage(method, path);
        request.Headers.TryAddWithoutValidation("Authorization", $"Session {token}");
        return await client.SendAsync(request);
    }

    private async Task RegisterAsync(HttpClient client)
    {
        if (_registrations++ == 0)
        {
            _passwords = [NewPassword()];
        }

        using var response = await client.PostAsJsonAsync("/register/", new { email, password = _passwords[0] });

        // The address is taken where the answer to an earlier call was lost.
        Assert.That(response.StatusCode, _registrations > 1 ? Is.AnyOf(HttpStatusCode.Created, HttpStatusCode.Conflict) : Is.EqualTo(HttpStatusCode.Created), email);
        _isRegistered = true;
    }

    private async Task<(string Token, string Id)> LogInAsync(HttpClient client)
    {
        using var response = await client.PostAsJsonAsync("/login/", new { email, password = _passwords[^1], transport = "header" });
        Assert.That(response.StatusCode, Is.EqualTo(HttpStatusCode.OK), email);
        return Note(await response.Content.ReadFromJsonAsync<JsonNode>());
    }

    // What is neither success nor the break of a connection that the ledger allows is wrong in the ledger too.
    private void Count(string kind, HttpStatusCode? status)
    {
        if (status is HttpStatusCode.OK or HttpStatusCode.NoContent)
        {
            Ends[kind]++;
        }
        else
        {
            Assert.That(status, ledger.MayBreakOff ? Is.Null : Is.EqualTo(HttpStatusCode.OK), $"{kind} of {email}");
        }
    }

    private (string Token, string Id) Note(JsonNode? login)
    {
        var token = login!["sessionToken"]!.GetValue<string>();
        ledger.LoggedIn(token);
        _tokens.Add(token);
        return (token, login["session"]!["id"]!.GetValue<string>());
    }

    private Task<HttpStatusCode?> EndOthersAsync(HttpClient client, string token) =>
        ledger.EndAsync([.. _tokens.Except([token])], () => SendAsync(client, token, HttpMethod.Post, "/logout/?scope=others"));

    private async Task ResetAsync(HttpClient client, CancellationToken ending)
    {
        // Not used as a kill came between; void where another is mailed, after five minutes.
        var earlier = FindCode();
        using var forgot = await client.PostAsJsonAsync("/password/forgot/", new { email }, ending);
        Assert.That(forgot.StatusCode, Is.EqualTo(HttpStatusCode.Accepted), email);
        if (await WaitForCodeAsync(ending) is not { } code)
        {
            // A kill has come between the code and its mail.
            Assert.That(ledger.MayBreakOff, Is.True, $"the code of {email} is mailed");
            return;
        }

        _usedCodes.Add(code);
        var password = NewPassword();
        _passwords.Add(password);
        _unanswered = (password, code);
        var status = await ledger.EndAsync(
            [.. _tokens],
            () => client.PostAsJsonAsync("/password/reset/", new { email, code, newPassword = password }, CancellationToken.None),
            refusal: code == earlier ? HttpStatusCode.BadRequest : null);
        _unanswered = status is null ? _unanswered : null;
        if (status == HttpStatusCode.NoContent)
        {
            _passwords = [password];
        }
        else if (status == HttpStatusCode.BadRequest && code == earlier)
        {
            _passwords.Remove(password);
            return;
        }

        Count("reset", status);
    }

    private async Task<string?> WaitForCodeAsync(CancellationToken ending)
    {
        var began = Stopwatch.GetTimestamp();
        while (Stopwatch.GetElapsedTime(began) < Patience)
        {
            if (FindCode() is { } code)
            {
                return code;
            }

            await Task.Delay(20, ending);
        }

        return null;
    }

    // The one that was mailed last: the ids are in the order of time.
    private string? FindCode() => Mailbox.Read(mailFolder, email)
        .Where(mail => mail.Code is not null && !_usedCodes.Contains(mail.Code)).OrderBy(mail => mail.Id, StringComparer.Ordinal).LastOrDefault().Code;

    private string NewPassword() => $"correct horse battery {email} {++_changes}";
}
