using System.CommandLine;
using System.Net;
using System.Net.Security;
using System.Text.Json;
using System.Text.Json.Nodes;
using AuthApi.Startup;

namespace AuthApi.Commands;

/// <summary>The command <c>health</c>: asks a running server whether it is ready, as a container without a shell must.</summary>
internal static class HealthCommand
{
    private const string Ready = "/health/ready";

    // The probe answers within three seconds, whatever the store does.
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(4);

    private static readonly Argument<Uri?> Url = new("URL")
    {
        Description = $"The server's address, or that of one of its probes. Without it the address that the settings name, and {Ready}.",
        Arity = ArgumentArity.ZeroOrOne,
        CustomParser = result =>
        {
            if (Uri.TryCreate(result.Tokens[0].Value, UriKind.Absolute, out var url) && url.Scheme is "http" or "https")
            {
                return url;
            }

            result.AddError($"'{result.Tokens[0].Value}' is no http:// or https:// address");
            return null;
        },
    };

    public static ProgramCommand Create() => new("health", "Ask the running server whether it is ready.", RunAsync)
    {
        Example = "health http://127.0.0.1:8080",
        ExitCodes = "0 it is; 1 it is not, or does not answer within 4 seconds; 2 the command line is not understood",
        Arguments = { Url },
    };

    private static async Task<int> RunAsync(CommandCall call)
    {
        var given = call.Arguments.GetValue(Url);
        var url = given ?? OwnAddress(call.Services.GetRequiredService<IConfiguration>());
        url = url.AbsolutePath == "/" ? new Uri(url, Ready) : url;

        using var handler = new SocketsHttpHandler { UseProxy = false, UseCookies = false, AllowAutoRedirect = false };
        if (given is null || url.IsLoopback)
        {
            // The certificate names the host that clients know. Nothing secret is sent, and nothing but a word is read.
#pragma warning disable CA5359
            handler.SslOptions = new SslClientAuthenticationOptions { RemoteCertificateValidationCallback = static (_, _, _, _) => true };
#pragma warning restore CA5359
        }

        using var client = new HttpClient(handler) { Timeout = Patience, MaxResponseContentBufferSize = 64 * 1024 };
        try
        {
            using var response = await client.GetAsync(url, call.Cancelled);
            var answer = Read(await response.Content.ReadAsStringAsync(call.Cancelled));
            if (response.StatusCode != HttpStatusCode.OK)
            {
                throw new CommandException($"{url} answered {(int)response.StatusCode}{(Text(answer, "code") is { } code ? $" {code}: {Text(answer, "title")}" : ".")}");
            }

            var status = Text(answer, "status") ?? throw new CommandException($"{url} answered 200, and not as a probe of AuthApi does.");
            await call.PrintAsync(new { Url = url, Status = status }, $"{url}: {status}");
            return CommandExit.Done;
        }
        catch (HttpRequestException exception)
        {
            throw new CommandException($"{url} cannot be reached: {exception.GetBaseException().Message}");
        }
        catch (OperationCanceledException) when (!call.Cancelled.IsCancellationRequested)
        {
            throw new CommandException($"{url} did not answer within {Patience.TotalSeconds:0} seconds.");
        }
    }

    // Where this machine reaches the first of the addresses that the settings name.
    private static Uri OwnAddress(IConfiguration configuration)
    {
        var configured = ListenAddresses.Read(configuration)[0];
        BindingAddress address;
        try
        {
            address = BindingAddress.Parse(configured);
        }
        catch (FormatException exception)
        {
            throw new CommandException($"urls: {exception.Message}");
        }

        if (address.IsUnixPipe || address.IsNamedPipe || address.Port == 0)
        {
            throw new CommandException($"{configured} says no address that can be asked: name the server's, as in AuthApi health http://127.0.0.1:8080.");
        }

        // The server listens on every address of the machine where it is given no address.
        var isOne = IPAddress.TryParse(address.Host, out var one) ? !one.Equals(IPAddress.Any) && !one.Equals(IPAddress.IPv6Any) : address.Host == "localhost";
        return new UriBuilder(address.Scheme, isOne ? address.Host : IPAddress.Loopback.ToString(), address.Port).Uri;
    }

    private static JsonNode? Read(string body)
    {
        try
        {
            return JsonNode.Parse(body);
        }
        catch (JsonException)
        {
            return null;
        }
    }

    private static string? Text(JsonNode? answer, string name) => answer is JsonObject && answer[name] is JsonValue value && value.TryGetValue<string>(out var text) ? text : null;
}
