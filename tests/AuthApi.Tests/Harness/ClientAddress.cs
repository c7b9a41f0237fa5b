using System.Net;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;

namespace AuthApi.Tests.Harness;

/// <summary>Gives a request the address that its header names: the test server has none.</summary>
internal sealed class ClientAddress : IStartupFilter
{
    public const string Header = "Test-Client-Address";

    public Action<IApplicationBuilder> Configure(Action<IApplicationBuilder> next) => application =>
    {
        application.Use((context, rest) =>
        {
            context.Connection.RemoteIpAddress = context.Request.Headers[Header] is [{ } address] ? IPAddress.Parse(address) : null;
            return rest(context);
        });
        next(application);
    };
}
