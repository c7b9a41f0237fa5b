using System.Net;
using AuthApi.Sessions;
using AuthApi.Tests.Harness;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Moq;

namespace AuthApi.Tests.Sessions;

/// <summary>The middleware that stands in for <c>UseAuthentication</c>.</summary>
internal sealed class SessionAuthenticatorTests
{
    [Test]
    public async Task ASignedInRequestMakesNoHandlerAndOneThatIsRefusedMakesOne()
    {
        // The framework's own provider of handlers, counted.
        var made = 0;
        await using var application = new AuthApiApplication(services =>
        {
            services.AddScoped<AuthenticationHandlerProvider>();
            services.Replace(ServiceDescriptor.Scoped(provider =>
            {
                var handlers = new Mock<IAuthenticationHandlerProvider>();
                handlers.Setup(counted => counted.GetHandlerAsync(It.IsAny<HttpContext>(), It.IsAny<string>()))
                    .Callback(() => made++)
                    .Returns((HttpContext context, string scheme) => provider.GetRequiredService<AuthenticationHandlerProvider>().GetHandlerAsync(context, scheme));
                return handlers.Object;
            }));
        });
        using var browser = await application.NewLoggedInBrowserAsync();

        made = 0;
        Assert.That(await browser.MeAsync(), Is.EqualTo(HttpStatusCode.OK));
        Assert.That(made, Is.Zero);

        using var logout = await browser.LogOutAsync();
        Assert.That(logout.StatusCode, Is.EqualTo(HttpStatusCode.OK));
        Assert.That(await browser.MeAsync(), Is.EqualTo(HttpStatusCode.Unauthorized));
        Assert.That(made, Is.Positive);
    }

    [Test]
    public async Task ADeadTokenIsLookedForOnceInARequest()
    {
        var store = new Mock<IUserSessionStore>();
        await using var application = new AuthApiApplication(services => services.Replace(ServiceDescriptor.Singleton(store.Object)));
        using var browser = application.NewBrowser();
        browser.Cookies["__Host-session"] = SessionToken.Create().Reveal();

        Assert.That(await browser.MeAsync(), Is.EqualTo(HttpStatusCode.Unauthorized));

        store.Verify(counted => counted.FindAsync(It.IsAny<TokenHash>()), Times.Once);
    }
}
