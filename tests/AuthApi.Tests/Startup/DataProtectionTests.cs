using AuthApi.Tests.Harness;
using Microsoft.AspNetCore.DataProtection;
using Microsoft.Extensions.DependencyInjection;

namespace AuthApi.Tests.Startup;

/// <summary>Nothing is encrypted for later, so there are no keys to lose.</summary>
internal sealed class DataProtectionTests
{
    [Test]
    public async Task Data_protection_is_not_registered_and_makes_no_keys()
    {
        await using var application = new AuthApiApplication();
        Assert.That(application.Services.GetService<IDataProtectionProvider>(), Is.Null);
    }
}
