using System.Net.Http.Headers;
using System.Text.Json.Serialization;
using AuthApi.Tests.Harness;
using Microsoft.AspNetCore.Mvc;
using Microsoft.AspNetCore.Mvc.ApiExplorer;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;

namespace AuthApi.Tests.Api;

internal sealed class GeneratedJsonTests
{
    [Test]
    public async Task Every_actions_answer_is_written_by_generated_code()
    {
        await using var application = new AuthApiApplication();
        var contexts = application.Services.GetRequiredService<IOptions<JsonOptions>>().Value.JsonSerializerOptions.TypeInfoResolverChain
            .OfType<JsonSerializerContext>().ToList();

        var answers = application.Services.GetRequiredService<IApiDescriptionGroupCollectionProvider>().ApiDescriptionGroups.Items
            .SelectMany(group => group.Items)
            .SelectMany(action => action.SupportedResponseTypes)
            .Where(answer => answer.StatusCode is >= 200 and < 300)
            .Select(answer => answer.Type)
            .OfType<Type>()
            .Where(type => type != typeof(void))
            .Distinct()
            .ToList();

        Assert.That(answers, Has.Count.GreaterThan(5));
        Assert.That(answers.Where(type => contexts.All(context => context.GetTypeInfo(type) is null)), Is.Empty);
    }

    [TestCase("text/html")]
    [TestCase("*/*")]
    [TestCase("text/json")]
    [TestCase("application/problem+json")]
    [TestCase("application/json; charset=utf-16")]
    [TestCase("application/xml;q=0.9")]
    [TestCase("*/*;q=0")]
    [TestCase("nonsense")]
    public async Task The_answer_is_JSON_for_any_Accept_header(string accept)
    {
        await using var application = new AuthApiApplication();
        using var browser = await application.NewLoggedInBrowserAsync();

        using var response = await browser.SendAsync(
            HttpMethod.Get, "/me/", null, request => request.Headers.TryAddWithoutValidation("Accept", accept));

        Assert.That(response.Content.Headers.ContentType, Is.EqualTo(new MediaTypeHeaderValue("application/json", "utf-8")));
        Assert.That((await response.JsonAsync())["email"]!.GetValue<string>(), Is.EqualTo("ada@example.com"));
    }

    [Test]
    public async Task A_long_answer_is_complete()
    {
        await using var application = new AuthApiApplication();
        using var browser = await application.NewLoggedInBrowserAsync();
        for (var i = 0; i < 45; i++)
        {
            using var other = application.NewBrowser();
            await other.LogInAsync();
        }

        for (var i = 0; i < 2; i++)
        {
            using var response = await browser.GetAsync("/sessions/");
            Assert.That((await response.JsonAsync())["items"]!.AsArray(), Has.Count.EqualTo(46));
        }
    }
}
