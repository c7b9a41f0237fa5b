using AuthApi.Tests.Harness;
using Microsoft.AspNetCore.Mvc;
using Microsoft.AspNetCore.Mvc.ApplicationParts;
using Microsoft.AspNetCore.Mvc.Controllers;
using Microsoft.Extensions.DependencyInjection;

namespace AuthApi.Tests.Api;

internal sealed class RoomControllersTests
{
    [Test]
    public async Task EveryControllerIsNamedByItsRoom()
    {
        await using var application = new AuthApiApplication();
        var served = new ControllerFeature();
        application.Services.GetRequiredService<ApplicationPartManager>().PopulateFeature(served);

        Assert.That(
            served.Controllers.Select(controller => controller.AsType()),
            Is.EquivalentTo(typeof(Program).Assembly.GetTypes().Where(type => type.IsSubclassOf(typeof(ControllerBase)) && !type.IsAbstract)));
    }
}
