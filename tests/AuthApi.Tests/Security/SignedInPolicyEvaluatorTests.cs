using System.Security.Claims;
using AuthApi.Security;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Authorization.Infrastructure;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Moq;

namespace AuthApi.Tests.Security;

internal sealed class SignedInPolicyEvaluatorTests
{
    private static readonly ClaimsPrincipal SignedIn = new(new ClaimsIdentity([new Claim("sub", "42")], "Session"));
    private static readonly ClaimsPrincipal Stranger = new(new ClaimsIdentity([new Claim("sub", "42")]));

    private readonly Mock<IAuthorizationService> _framework = new(MockBehavior.Strict);

    [Test]
    public async Task WhoIsSignedInPassesWhereNothingElseIsAsked()
    {
        var result = await EvaluateAsync(SignedIn, policy => policy.RequireAuthenticatedUser());

        Assert.That(result, Is.EqualTo((Passed: true, Challenged: false)), "and the framework was not asked, or the strict mock had thrown");
    }

    [Test]
    public async Task AStrangerIsTheFrameworksToRefuse()
    {
        Answer(AuthorizationResult.Failed());

        Assert.That(await EvaluateAsync(Stranger, policy => policy.RequireAuthenticatedUser()), Is.EqualTo((Passed: false, Challenged: true)));
    }

    [Test]
    public async Task WhateverElseIsAskedIsTheFrameworksToDecide()
    {
        Answer(AuthorizationResult.Failed());

        var role = await EvaluateAsync(SignedIn, policy => policy.RequireRole("Administrator"));
        var both = await EvaluateAsync(SignedIn, policy => policy.RequireAuthenticatedUser().RequireClaim("amr", "mfa"));
        var stricter = await EvaluateAsync(SignedIn, policy => policy.AddRequirements(new Stricter()));

        Assert.That(stricter, Is.EqualTo((Passed: false, Challenged: false)));
        Assert.That(role, Is.EqualTo((Passed: false, Challenged: false)));
        Assert.That(both, Is.EqualTo((Passed: false, Challenged: false)));
    }

    private sealed class Stricter : DenyAnonymousAuthorizationRequirement;

    private void Answer(AuthorizationResult result) => _framework
        .Setup(framework => framework.AuthorizeAsync(It.IsAny<ClaimsPrincipal>(), It.IsAny<object?>(), It.IsAny<IEnumerable<IAuthorizationRequirement>>()))
        .ReturnsAsync(result);

    private async Task<(bool Passed, bool Challenged)> EvaluateAsync(ClaimsPrincipal user, Action<AuthorizationPolicyBuilder> policy)
    {
        var builder = new AuthorizationPolicyBuilder();
        policy(builder);
        var authentication = user.Identity!.IsAuthenticated ? AuthenticateResult.Success(new AuthenticationTicket(user, "Session")) : AuthenticateResult.NoResult();
        await using var services = new ServiceCollection().AddSingleton(_framework.Object).BuildServiceProvider();
        var result = await new SignedInPolicyEvaluator().AuthorizeAsync(
            builder.Build(), authentication, new DefaultHttpContext { User = user, RequestServices = services }, resource: null);
        return (result.Succeeded, result.Challenged);
    }
}
