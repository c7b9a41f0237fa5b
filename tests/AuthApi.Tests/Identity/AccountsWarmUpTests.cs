using AuthApi.Tests.Harness;

namespace AuthApi.Tests.Identity;

internal sealed class AccountsWarmUpTests
{
    [Test]
    [Platform("Linux")]
    public async Task The_start_loads_what_a_login_needs()
    {
        using var folder = new TemporaryFolder();
        await using var program = await RunningProgram.StartAsync(folder.Path);

        // Beside the start, so perhaps a moment after it. Nothing was asked of it yet.
        foreach (var file in new[] { "Microsoft.AspNetCore.Identity.EntityFrameworkCore.dll", "NSec.Cryptography.dll", "libsodium.so" })
        {
            Assert.That(() => program.MappedFiles, Has.Member(file).After(30).Seconds.PollEvery(20).MilliSeconds);
        }
    }
}
