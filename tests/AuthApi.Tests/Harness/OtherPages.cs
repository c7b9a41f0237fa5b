using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace AuthApi.Tests.Harness;

/// <summary>A web server that is not the API's: another port, and under other names of this machine another host.</summary>
internal sealed class OtherPages : IAsyncDisposable
{
    private readonly WebApplication _application;

    private OtherPages(WebApplication application)
    {
        _application = application;
        Port = new Uri(application.Urls.Single()).Port;
    }

    public int Port { get; }

    /// <summary>The page, at every address.</summary>
    public string Html { get; set; } = "<!doctype html><title>Another page</title>";

    public static async Task<OtherPages> StartAsync()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        var application = builder.Build();
        OtherPages pages = null!;
        application.Run(context =>
        {
            context.Response.ContentType = "text/html; charset=utf-8";
            return context.Response.WriteAsync(pages.Html);
        });
        await application.StartAsync();
        return pages = new OtherPages(application);
    }

    public ValueTask DisposeAsync() => _application.DisposeAsync();
}
