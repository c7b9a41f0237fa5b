using System.Net;
using AuthApi.Security;
using AuthApi.Tests.Harness;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Authorization.Infrastructure;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;

namespace AuthApi.Tests.Security;

internal sealed class SessionAuthorizationTests
{
    private static readonly AuthorizationPolicy SignedIn = new AuthorizationPolicyBuilder().RequireAuthenticatedUser().Build();

    private static readonly TestCaseData[] Calls =
    [
        Call("[Authorize]", true, new AuthorizeAttribute()),
        Call("on controller and action", true, new AuthorizeAttribute(), new AuthorizeAttribute()),
        Call("nothing is asked", false),
        Call("a policy", false, new AuthorizeAttribute("Administrators")),
        Call("roles", false, new AuthorizeAttribute { Roles = "Admin" }),
        Call("a scheme", false, new AuthorizeAttribute { AuthenticationSchemes = "Another" }),
        Call("one of two asks more", false, new AuthorizeAttribute(), new AuthorizeAttribute { Roles = "Admin" }),
        Call("a recent authentication", false, new AuthorizeAttribute(), new RequireRecentAuthenticationAttribute()),
        Call("a policy itself", false, new AuthorizeAttribute(), SignedIn),
        Call("a requirement itself", false, new AuthorizeAttribute(), new Asking()),
    ];

    [TestCaseSource(nameof(Calls))]
    public void ACallAsksForASessionOnlyWhereNothingSaysMore(object[] metadata, bool only) =>
        Assert.That(SessionAuthorization.AsksForASessionOnly(new EndpointMetadataCollection(metadata), SignedIn), Is.EqualTo(only));

    [Test]
    public void WhatAnAttributeAsksByDefaultMayBeMore()
    {
        var call = new EndpointMetadataCollection(new AuthorizeAttribute());
        foreach (var byDefault in new AuthorizationPolicyBuilder[]
        {
            new AuthorizationPolicyBuilder().RequireAuthenticatedUser().RequireClaim("amr", "otp"),
            new AuthorizationPolicyBuilder().RequireRole("Admin"),
            new AuthorizationPolicyBuilder().AddRequirements(new Stricter()),
            new AuthorizationPolicyBuilder("Another").RequireAuthenticatedUser(),
        })
        {
            Assert.That(SessionAuthorization.AsksForASessionOnly(call, byDefault.Build()), Is.False);
        }
    }

    // A handler that refuses whatever it is asked: where the framework is asked at all, nobody gets in.
    [Test]
    public async Task TheFrameworkIsNotAskedAboutASessionOnlyAndIsAboutAllElse()
    {
        await using var application = new AuthApiApplication(services => services.AddSingleton<IAuthorizationHandler, RefusesAll>());
        using var browser = await application.NewLoggedInBrowserAsync();

        using var stranger = await application.NewBrowser().GetAsync("/me/");
        using var others = await browser.LogOutAsync("others");

        Assert.That(await browser.MeAsync(), Is.EqualTo(HttpStatusCode.OK));
        await stranger.ShouldBeProblemAsync(HttpStatusCode.Unauthorized, "not_authenticated");
        await others.ShouldBeProblemAsync(HttpStatusCode.Forbidden, "reauthentication_required");
    }

    private static TestCaseData Call(string name, bool only, params object[] metadata) => new TestCaseData(metadata, only).SetArgDisplayNames(name);

    private sealed class Stricter : DenyAnonymousAuthorizationRequirement;

    private sealed class Asking : IAuthorizationRequirementData
    {
        public IEnumerable<IAuthorizationRequirement> GetRequirements() => [new Stricter()];
    }

    private sealed class RefusesAll : IAuthorizationHandler
    {
        public Task HandleAsync(AuthorizationHandlerContext context)
        {
            context.Fail();
            return Task.CompletedTask;
        }
    }
}
