using AuthApi.Sessions;

namespace AuthApi.Tests.Harness;

/// <summary>Clients of nginx, which trust its certificate.</summary>
internal sealed class NginxClients(string origin) : IDisposable
{
    // CA5400: the certificate is the test's own.
#pragma warning disable CA5400, CA5359
    private readonly SocketsHttpHandler _handler = new()
    {
        UseCookies = false,
        SslOptions = { RemoteCertificateValidationCallback = static (_, _, _, _) => true },
    };
#pragma warning restore CA5400, CA5359

    public Browser NewBrowser() => NewBrowser(SessionTransport.Cookie);

    public Browser NewBrowser(SessionTransport transport) =>
        new(new HttpClient(_handler, disposeHandler: false) { BaseAddress = new Uri(origin) }, transport);

    public void Dispose() => _handler.Dispose();
}
