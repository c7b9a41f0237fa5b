using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http.Connections;
using Microsoft.AspNetCore.SignalR;
using Microsoft.AspNetCore.SignalR.Client;
using Microsoft.Extensions.DependencyInjection;

namespace AuthApi.Sessions.Tests;

/// <summary>A hub of SignalR with the documented line, and its own client over a WebSocket.</summary>
internal sealed class OpenHubTests
{
    [Test]
    [CancelAfter(60_000)]
    public async Task A_hub_is_closed_after_the_end_of_its_session_only()
    {
        await using var application = await StockApplication.StartAsync(new()
        {
            Listens = true,
            Services = services => services.AddSignalR(options => options.AddFilter<SessionHubFilter>()),
            Map = routes => routes.MapHub<NameHub>("/hub").RequireAuthorization(),
        });
        using var laptop = await application.NewLoggedInBrowserAsync();
        using var phone = await application.NewLogInAsync();
        await using var closed = NewConnection(laptop);
        await using var open = NewConnection(phone);
        var isClosed = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        closed.Closed += _ =>
        {
            isClosed.TrySetResult();
            return Task.CompletedTask;
        };
        await closed.StartAsync();
        await open.StartAsync();
        Assert.That(await closed.InvokeAsync<string>(nameof(NameHub.Name)), Is.EqualTo("ada@example.com"));
        Assert.That(await open.InvokeAsync<string>(nameof(NameHub.Name)), Is.EqualTo("ada@example.com"));
        application.Time.Advance(TimeSpan.FromSeconds(5));
        Assert.That(await closed.InvokeAsync<string>(nameof(NameHub.Name)), Is.EqualTo("ada@example.com"), "the session is live");

        using var copy = laptop.Copy();
        using var loggedOut = await laptop.LogOutAsync();
        application.Time.Advance(TimeSpan.FromSeconds(5));
        await isClosed.Task.WaitAsync(TimeSpan.FromSeconds(20));

        Assert.That(await open.InvokeAsync<string>(nameof(NameHub.Name)), Is.EqualTo("ada@example.com"), "the other session's");
        await using var again = NewConnection(copy);
        Assert.That(() => again.StartAsync(), Throws.InstanceOf<HttpRequestException>().With.Message.Contains("401"));
    }

    private static HubConnection NewConnection(Browser browser) => new HubConnectionBuilder()
        .WithUrl(new Uri(browser.Address, "/hub"), HttpTransportType.WebSockets, options => options.Headers.Add("Cookie", string.Join("; ", browser.Cookies.Select(cookie => $"{cookie.Key}={cookie.Value}"))))
        .Build();

    private sealed class NameHub : Hub
    {
        public string Name() => Context.User!.Identity!.Name!;
    }
}
