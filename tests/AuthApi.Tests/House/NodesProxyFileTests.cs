using AuthApi.Tests.Harness;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace AuthApi.Tests.House;

/// <summary>What deploy/nginx-nodes.conf passes to another node in Debian's nginx, before two servers that fail on cue. NodesTests runs it before two nodes.</summary>
internal sealed class NodesProxyFileTests
{
    private TemporaryFolder _folder = null!;
    private FailingNode _first = null!;
    private FailingNode _second = null!;
    private Proxy _nginx = null!;

    [SetUp]
    public async Task StartAsync()
    {
        if (!File.Exists("/usr/bin/curl"))
        {
            Needs.Missing("curl");
        }

        _folder = new TemporaryFolder();
        (_first, _second) = (await FailingNode.StartAsync(), await FailingNode.StartAsync());
        _nginx = await Proxy.StartNodesAsync(_folder.Path, _first.Address, _second.Address);
    }

    [TearDown]
    public async Task EndAsync()
    {
        if (_nginx is not null)
        {
            await _nginx.DisposeAsync();
        }

        await _first.DisposeAsync();
        await _second.DisposeAsync();
        _folder.Dispose();
    }

    [TestCase("GET", "/me/", 200)]
    [TestCase("POST", "/logout/", 502)]
    [TestCase("DELETE", "/sessions/1/", 502)]
    [TestCase("DELETE", "/admin/sessions/", 502)]
    public async Task Only_what_changes_nothing_is_repeated_when_it_breaks(string method, string path, int status)
    {
        _first.Fault = Fault.Breaks;

        Assert.That((await _nginx.CurlAsync(path, "-X", method)).Status, Is.EqualTo(status));

        Assert.That((_first.Calls, _second.Calls), Is.EqualTo((1, status == 200 ? 1 : 0)));
        Assert.That((await _nginx.CurlAsync(path, "-X", method)).Status, Is.EqualTo(200), "by the other node");
        Assert.That(_first.Calls, Is.EqualTo(1), "which alone is asked now");
    }

    [TestCase("GET", "/me/", 200)]
    [TestCase("POST", "/logout/", 503)]
    [TestCase("GET", "/admin/sessions/", 503)]
    public async Task Only_what_changes_nothing_is_repeated_after_503(string method, string path, int status)
    {
        _first.Fault = Fault.Unavailable;

        Assert.That(await _nginx.CurlAsync(path, "-X", method), Is.EqualTo((status, status == 200 ? "served" : "store_unavailable")));

        Assert.That((_first.Calls, _second.Calls), Is.EqualTo((1, status == 200 ? 1 : 0)));
        Assert.That((await _nginx.CurlAsync("/me/")).Status, Is.EqualTo(200));
    }

    [Test]
    public async Task A_login_goes_to_the_other_node_where_one_is_gone()
    {
        await _first.DisposeAsync();

        Assert.That((await _nginx.CurlAsync("/login/", "-X", "POST")).Status, Is.EqualTo(200), "as nothing was sent to the first");
        Assert.That((await _nginx.CurlAsync("/login/", "-X", "POST")).Status, Is.EqualTo(200));
    }

    [Test]
    public async Task Where_all_nodes_fail_their_answer_is_passed_on()
    {
        (_first.Fault, _second.Fault) = (Fault.Unavailable, Fault.Unavailable);

        for (var i = 0; i < 4; i++)
        {
            Assert.That(await _nginx.CurlAsync("/me/"), Is.EqualTo((503, "store_unavailable")), "and not a 502 of nginx's own");
            Assert.That(await _nginx.CurlAsync("/logout/", "-X", "POST"), Is.EqualTo((503, "store_unavailable")));
        }

        (_first.Fault, _second.Fault) = (Fault.None, Fault.None);
        for (var i = 0; i < 4; i++)
        {
            Assert.That((await _nginx.CurlAsync("/me/")).Status, Is.EqualTo(200), "at once");
        }
    }

    private enum Fault
    {
        None,
        Breaks,
        Unavailable,
    }

    /// <summary>Counts calls, and serves them, answers 503, or closes the connection in place of an answer.</summary>
    private sealed class FailingNode : IAsyncDisposable
    {
        private WebApplication _application = null!;
        private int _calls;

        public Fault Fault { get; set; }

        public int Calls => _calls;

        public Uri Address => new(_application.Urls.Single());

        public static async Task<FailingNode> StartAsync()
        {
            var builder = WebApplication.CreateSlimBuilder();
            builder.Logging.ClearProviders();
            builder.WebHost.UseUrls("http://127.0.0.1:0");
            var node = new FailingNode { _application = builder.Build() };
            node._application.Run(node.AnswerAsync);
            await node._application.StartAsync();
            return node;
        }

        public ValueTask DisposeAsync() => _application.DisposeAsync();

        private Task AnswerAsync(HttpContext context)
        {
            Interlocked.Increment(ref _calls);
            switch (Fault)
            {
                case Fault.Breaks:
                    context.Abort();
                    return Task.CompletedTask;
                case Fault.Unavailable:
                    context.Response.StatusCode = StatusCodes.Status503ServiceUnavailable;
                    return context.Response.WriteAsync("store_unavailable");
                default:
                    return context.Response.WriteAsync("served");
            }
        }
    }
}
