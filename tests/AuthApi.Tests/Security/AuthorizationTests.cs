using System.Net;
using AuthApi.Tests.Harness;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;

namespace AuthApi.Tests.Security;

internal sealed class AuthorizationTests
{
    [Test]
    public async Task Authorize_fails_closed_where_the_middleware_is_missing()
    {
        await using var application = new AuthApiApplication();
        var services = application.Services;
        var pipeline = new ApplicationBuilder(services);
        pipeline.UseRouting();
        pipeline.UseEndpoints(endpoints => endpoints.MapControllers());
        await using var scope = services.CreateAsyncScope();
        var context = new DefaultHttpContext { RequestServices = scope.ServiceProvider };
        (context.Request.Method, context.Request.Path) = ("POST", "/logout/");

        Assert.That(
            async () => await pipeline.Build()(context),
            Throws.InvalidOperationException.With.Message.Contains("authorization metadata"));
    }

    [Test]
    public async Task Every_requirement_is_asked_of_who_is_signed_in()
    {
        await using var application = new AuthApiApplication(services => services.AddSingleton<IAuthorizationHandler, RefusesAll>());
        using var browser = await application.NewLoggedInBrowserAsync();

        using var stranger = await application.NewBrowser().GetAsync("/me/");
        using var owner = await browser.GetAsync("/me/");

        await stranger.ShouldBeProblemAsync(HttpStatusCode.Unauthorized, "not_authenticated");
        await owner.ShouldBeProblemAsync(HttpStatusCode.Forbidden, "forbidden");
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
