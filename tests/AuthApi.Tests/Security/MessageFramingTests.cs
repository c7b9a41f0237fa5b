using System.Net;
using AuthApi.Tests.Harness;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;

namespace AuthApi.Tests.Security;

/// <summary>HTTP/2 has no headers of one connection; HTTP/1.1 is in <see cref="Api.RawSocketTests"/>.</summary>
internal sealed class MessageFramingTests
{
    [TestCase("Transfer-Encoding", "gzip")]
    [TestCase("Keep-Alive", "timeout=5")]
    [TestCase("X-Anything", "chunked", true)]
    public async Task A_header_of_one_connection_is_refused_over_http2(string name, string value, bool passes = false)
    {
        await using var application = new AuthApiApplication(
            services => services.Configure<KestrelServerOptions>(options => options.ConfigureEndpointDefaults(endpoint => endpoint.Protocols = HttpProtocols.Http2)),
            kestrel: true);
        using var browser = application.NewBrowser();

        using var response = await browser.SendAsync(HttpMethod.Post, "/logout/", change: request =>
        {
            (request.Version, request.VersionPolicy) = (HttpVersion.Version20, HttpVersionPolicy.RequestVersionExact);
            request.Headers.TryAddWithoutValidation(name, value);
        });

        Assert.That(response.Version, Is.EqualTo(HttpVersion.Version20));
        if (passes)
        {
            await response.ShouldBeNotAuthenticatedAsync();
        }
        else
        {
            var problem = await response.ShouldBeProblemAsync(HttpStatusCode.BadRequest, "bad_request");
            Assert.That(problem["detail"]!.GetValue<string>(), Does.Contain(name));
        }
    }
}
