using System.Diagnostics;
using System.Net;
using System.Net.Http.Json;
using System.Text.Json.Nodes;

namespace AuthApi.FaultTests.Harness;

/// <summary>Somebody with an account, who logs in, logs out, revokes and resets, over programs that may be killed in the middle of each.</summary>
internal sealed class Person(string email, Ledger ledger, string mailFolder)
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(5);

    private readonly List<string> _tokens = [];
    private readonly HashSet<string> _usedCodes = new(StringComparer.Ordinal);

    // More than one where a change was sent and not answered.
    private List<string> _passwords = [];
    private int _changes;
    private bool _isRegistered;

    /// <summary>Lives on until the program breaks off or the load ends.</summary>
    public async Task LiveAsync(Uri address, CancellationToken ending)
    {
        using var client = NewClient(address);
        try
        {
            for (var turn = 0; !ending.IsCancellationRequested; turn++)
            {
                if (!_isRegistered && !await RegisterAsync(client))
                {
                    return;
                }

                var kept = await LogInAsync(client);
                var other = await LogInAsync(client);
                if (kept is null || other is null)
                {
                    return;
                }

                switch (turn % 4)
                {
                    case 0:
                        await ledger.EndAsync(kept.Value.Token, () => SendAsync(client, kept.Value.Token, HttpMethod.Post, "/logout/"));
                        break;
                    case 1:
                        await ledger.EndAsync(other.Value.Token, () => SendAsync(client, kept.Value.Token, HttpMethod.Delete, $"/sessions/{other.Value.Id}/"));
                        break;
                    case 2:
                        await EndOthersAsync(client, kept.Value.Token);
                        break;
                    default:
                        await ResetAsync(client, ending);
                        break;
                }
            }
        }
        catch (Exception exception) when (exception is HttpRequestException or IOException or TaskCanceledException)
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
    }

    private static HttpClient NewClient(Uri address) => new(new SocketsHttpHandler { UseCookies = false }) { BaseAddress = address };

    private static async Task<HttpResponseMessage> SendAsync(HttpClient client, string token, HttpMethod method, string path)
    {
        using var request = new HttpRequestMessage(method, path);
        request.Headers.TryAddWithoutValidation("Authorization", $"Session {token}");
        return await client.SendAsync(request);
    }

    private async Task<bool> RegisterAsync(HttpClient client)
    {
        _passwords = [NewPassword()];
        using var response = await client.PostAsJsonAsync("/register/", new { email, password = _passwords[0] });

        // The address is taken where the answer to the first call was lost.
        return _isRegistered = response.StatusCode is HttpStatusCode.Created || (response.StatusCode == HttpStatusCode.Conflict && _changes == 1);
    }

    private async Task<(string Token, string Id)?> LogInAsync(HttpClient client)
    {
        using var response = await client.PostAsJsonAsync("/login/", new { email, password = _passwords[^1], transport = "header" });
        return response.StatusCode == HttpStatusCode.OK ? Note(await response.Content.ReadFromJsonAsync<JsonNode>()) : null;
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
        using var forgot = await client.PostAsJsonAsync("/password/forgot/", new { email }, ending);
        if (forgot.StatusCode != HttpStatusCode.Accepted || await FindCodeAsync(ending) is not { } code)
        {
            return;
        }

        _usedCodes.Add(code);
        var password = NewPassword();
        _passwords.Add(password);
        var status = await ledger.EndAsync([.. _tokens], () => client.PostAsJsonAsync("/password/reset/", new { email, code, newPassword = password }, CancellationToken.None));
        if (status == HttpStatusCode.NoContent)
        {
            _passwords = [password];
        }
    }

    // None where a kill has come between the code and its use: another is mailed after five minutes.
    private async Task<string?> FindCodeAsync(CancellationToken ending)
    {
        var began = Stopwatch.GetTimestamp();
        while (Stopwatch.GetElapsedTime(began) < Patience)
        {
            if (Mailbox.Read(mailFolder, email).Select(mail => mail.Code).FirstOrDefault(code => code is not null && !_usedCodes.Contains(code)) is { } code)
            {
                return code;
            }

            await Task.Delay(20, ending);
        }

        return null;
    }

    private string NewPassword() => $"correct horse battery {email} {++_changes}";
}
