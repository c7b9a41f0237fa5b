using AuthApi.Security;
using AuthApi.Startup;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Moq;

namespace AuthApi.Tests.Security;

internal sealed class OriginListTests
{
    [TestCase("https://app.example.com", "https://app.example.com", true)]
    [TestCase("https://app.example.com", "https://app.example.com:444", false)]
    [TestCase("https://app.example.com", "https://APP.example.com", false)]
    [TestCase("https://*.example.com", "https://app.example.com", true)]
    [TestCase("https://*.example.com", "https://a.b-c.example.com", true)]
    [TestCase("https://*.example.com", "https://xn--mnchen-3ya.example.com", true)]
    [TestCase("https://*.example.com", "https://example.com", false, Description = "not the bare domain")]
    [TestCase("https://*.example.com", "https://.example.com", false)]
    [TestCase("https://*.example.com", "https://a..example.com", false)]
    [TestCase("https://*.example.com", "https://app.example.com:8443", false, Description = "another port")]
    [TestCase("https://*.example.com", "http://app.example.com", false, Description = "another scheme")]
    [TestCase("https://*.example.com", "https://app.example.com.", false)]
    [TestCase("https://*.example.com", "https://app.example.com/", false)]
    [TestCase("https://*.example.com", "https://evilexample.com", false)]
    [TestCase("https://*.example.com", "https://evil.com/.example.com", false)]
    [TestCase("https://*.example.com", "https://evil.com:1.example.com", false)]
    [TestCase("https://*.example.com", "https://evil.com@app.example.com", false)]
    [TestCase("https://*.example.com", "https://evil.com#.example.com", false)]
    [TestCase("https://*.example.com", "https://evil.com?.example.com", false)]
    [TestCase("https://*.example.com", "https://\u00e9.example.com", false, Description = "a response header could not hold it")]
    [TestCase("https://*.example.com", "https://APP.example.com", false)]
    [TestCase("https://*.example.com", "https://app.example.com.evil.com", false)]
    [TestCase("https://*.example.com", "null", false)]
    [TestCase("https://*.example.com:8443", "https://app.example.com:8443", true)]
    [TestCase("https://*.example.com:8443", "https://app.example.com", false)]
    public void An_origin_is_in_the_list_as_a_whole(string listed, string origin, bool isIn)
    {
        Assert.That(new OriginList([listed]).Contains(origin), Is.EqualTo(isIn));
    }

    [TestCase("https://*.example.com", "Production", true)]
    [TestCase("https://*.example.com:8443", "Production", true)]
    [TestCase("http://tauri.localhost", "Production", true, Description = "loopback (RFC 6761, 6.3)")]
    [TestCase("http://localhost:3000", "Production", true)]
    [TestCase("http://127.0.0.2:3000", "Production", true)]
    [TestCase("http://[::1]:3000", "Production", true)]
    [TestCase("http://app.example.com", "Development", true)]
    [TestCase("http://app.example.com", "Production", false)]
    [TestCase("http://localhost.example.com", "Production", false)]
    [TestCase("http://evillocalhost", "Production", false)]
    [TestCase("https://*.com", "Production", false, Description = "every site of a top-level domain")]
    [TestCase("http://*.example.com", "Development", false)]
    [TestCase("https://*", "Development", false)]
    [TestCase("https://a.*.example.com", "Development", false)]
    [TestCase("https://*.*.example.com", "Development", false)]
    [TestCase("https://*example.com", "Development", false)]
    [TestCase("https://*.example.com:443", "Development", false)]
    [TestCase("https://*.example.com/", "Development", false)]
    [TestCase("https://*.Example.com", "Development", false)]
    public void A_listed_origin_is_checked_at_the_start(string origin, string environment, bool starts)
    {
        ShouldStart("Cors:AllowedOrigins", origin, environment, starts);
    }

    [TestCase("x-datadog-trace-id, X-Requested-With", true)]
    [TestCase("*", false)]
    [TestCase("X Requested", false)]
    [TestCase("X-Requested:", false)]
    [TestCase("\u00e9", false)]
    public void A_listed_header_is_checked_at_the_start(string headers, bool starts)
    {
        ShouldStart("Cors:AllowedHeaders", headers, "Production", starts);
    }

    private static void ShouldStart(string key, string value, string environment, bool starts)
    {
        var services = new ServiceCollection();
        services.AddSingleton<IConfiguration>(new ConfigurationBuilder().AddInMemoryCollection([new(key, value)]).Build());
        services.AddSingleton(Mock.Of<IHostEnvironment>(host => host.EnvironmentName == environment));
        services.AddAllowedOrigins();
        using var provider = services.BuildServiceProvider();

        var start = provider.GetRequiredService<OriginList>;

        if (starts)
        {
            Assert.That(start, Throws.Nothing);
        }
        else
        {
            Assert.That(start, Throws.TypeOf<ConfigurationException>().With.Message.StartsWith(key));
        }
    }
}
