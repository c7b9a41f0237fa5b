using AuthApi.Sessions;
using AuthApi.Storage;
using AuthApi.Tests.Harness;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;

namespace AuthApi.Tests.Audit;

/// <summary>Events that others follow, on PostgreSQL, where they are not committed in the order of their ids.</summary>
internal sealed class SettledEventsTests
{
    [Test]
    public async Task Who_follows_waits_for_one_that_is_not_committed()
    {
        await using var application = new AuthApiApplication(store: TestedStore.PostgreSql);
        var (_, root) = await application.NewAdministratorAsync();
        await ReadAsync("limit=1");
        await ReadAsync("limit=1");
        var (_, start) = await ReadAsync("after=0&limit=100");
        await using var slow = await application.Services.GetRequiredService<IDbContextFactory<AuthDbContext>>().CreateDbContextAsync();
        await using (var transaction = await slow.Database.BeginTransactionAsync())
        {
            slow.AddAuditEntry(new AuditEntry { At = application.Time.GetUtcNow(), Event = "Slow", UserId = null, SessionId = null });
            await slow.SaveChangesAsync();
            using var ada = await application.NewLoggedInBrowserAsync();

            // The sign-in has a later id and is committed first.
            Assert.That(await ReadAsync($"after={start}"), Is.EqualTo((Array.Empty<string>(), start)));
            Assert.That((await ReadAsync("limit=1")).Events, Is.EqualTo(new[] { "signed_in" }));
            await transaction.CommitAsync();
        }

        Assert.That((await ReadAsync($"after={start}")).Events, Is.EqualTo(new[] { "slow", "signed_in" }));
        root.Dispose();

        async Task<(string[] Events, string? Next)> ReadAsync(string query)
        {
            var page = await root.GetJsonAsync($"/admin/audit/?{query}");
            return ([.. page.Each<string>("event")], (string?)page["next"]);
        }
    }
}
