using System.Security.Claims;
using AuthApi.Accounts;
using AuthApi.Identity;
using AuthApi.Sessions;
using AuthApi.Storage;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Identity;
using Microsoft.AspNetCore.Mvc;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using Moq;

namespace AuthApi.Tests.Accounts;

/// <summary>The controller alone: whom it names, in which order it acts, and that it reports no logout that did not happen.</summary>
internal sealed class AccountControllerTests
{
    private Mock<UserManager<ApplicationUser>> _users = null!;
    private Mock<ApplicationSignInManager> _signIn = null!;
    private AccountController _controller = null!;

    [SetUp]
    public void SetUp()
    {
        _users = new Mock<UserManager<ApplicationUser>>(
            Mock.Of<IUserStore<ApplicationUser>>(), null!, null!, null!, null!, null!, null!, null!, null!);
        _signIn = new Mock<ApplicationSignInManager>(
            _users.Object, Mock.Of<IHttpContextAccessor>(), Mock.Of<IUserClaimsPrincipalFactory<ApplicationUser>>(),
            Options.Create(new IdentityOptions()), NullLogger<SignInManager<ApplicationUser>>.Instance, null!, null!, TimeProvider.System);
        // Logging out of the current session is SignInManager's; what other calls need is not here to be used.
        _controller = new AccountController(
            _signIn.Object, null!, null!, NullLogger<AccountController>.Instance)
        {
            ControllerContext = new ControllerContext { HttpContext = new DefaultHttpContext { User = PrincipalOf(42) } },
        };
    }

    [Test]
    public async Task Logout_names_the_user_of_the_session()
    {
        var answer = await _controller.Logout(scope: null);

        Assert.That(answer.Value, Is.EqualTo(new LogoutResponse("Logout successful. User id: 42")));
        _signIn.Verify(manager => manager.SignOutAsync(), Times.Once);
    }

    [Test]
    public async Task Logout_reads_the_user_before_signing_out()
    {
        _signIn.Setup(manager => manager.SignOutAsync())
            .Callback(() => _controller.HttpContext.User = new ClaimsPrincipal(new ClaimsIdentity()))
            .Returns(Task.CompletedTask);

        var answer = await _controller.Logout(scope: "current");

        Assert.That(answer.Value!.Message, Does.EndWith(" 42"));
    }

    [Test]
    public void Logout_reports_no_success_when_the_store_fails()
    {
        _signIn.Setup(manager => manager.SignOutAsync()).ThrowsAsync(new StoreUnavailableException("The disk is gone."));

        Assert.That(() => _controller.Logout(scope: null), Throws.TypeOf<StoreUnavailableException>());
    }

    private static ClaimsPrincipal PrincipalOf(int userId) =>
        new(new ClaimsIdentity([new Claim(ClaimTypes.NameIdentifier, $"{userId}")], "test"));
}
