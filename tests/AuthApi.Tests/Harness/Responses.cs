using System.Net;
using System.Text.Json.Nodes;

namespace AuthApi.Tests.Harness;

/// <summary>What tests ask of a response.</summary>
internal static class Responses
{
    public static async Task<JsonNode> JsonAsync(this HttpResponseMessage response) =>
        JsonNode.Parse(await response.Content.ReadAsStringAsync())!;

    public static IEnumerable<string> SetCookies(this HttpResponseMessage response) =>
        response.Headers.TryGetValues("Set-Cookie", out var values) ? values : [];

    /// <summary>Asserts that the answer is a problem as the contract has it, with this status and code, and returns it.</summary>
    public static async Task<JsonNode> ShouldBeProblemAsync(this HttpResponseMessage response, HttpStatusCode status, string code)
    {
        var text = await response.Content.ReadAsStringAsync();
        Assert.That(response.StatusCode, Is.EqualTo(status), text);
        Assert.That(response.Content.Headers.ContentType?.MediaType, Is.EqualTo("application/problem+json"), text);
        Assert.That(response.Headers.CacheControl?.NoStore, Is.True, "no-store");
        Assert.That(response.Headers.Location, Is.Null);
        var problem = JsonNode.Parse(text)!;
        using (Assert.EnterMultipleScope())
        {
            Assert.That(problem["status"]!.GetValue<int>(), Is.EqualTo((int)status));
            Assert.That(problem["code"]!.GetValue<string>(), Is.EqualTo(code));
            Assert.That(problem["title"]!.GetValue<string>(), Is.Not.Empty);
            Assert.That(problem["traceId"]!.GetValue<string>(), Is.Not.Empty);
            Assert.That(text, Does.Not.Contain("AuthApi.").And.Not.Contain("   at "), "no type name and no stack trace");
        }

        return problem;
    }

    /// <summary>Asserts a 400 about exactly these fields.</summary>
    public static async Task ShouldBeInvalidAsync(this HttpResponseMessage response, params string[] fields)
    {
        var problem = await response.ShouldBeProblemAsync(HttpStatusCode.BadRequest, "validation_failed");
        Assert.That(problem["errors"]!.AsObject().Select(field => field.Key), Is.EquivalentTo(fields));
    }

    /// <summary>Asserts the contract's 401 for no session, or a dead one.</summary>
    public static async Task ShouldBeNotAuthenticatedAsync(this HttpResponseMessage response)
    {
        await response.ShouldBeProblemAsync(HttpStatusCode.Unauthorized, "not_authenticated");
        Assert.That(response.Headers.WwwAuthenticate.ToString(), Is.EqualTo("Session realm=\"AuthApi\""));
    }
}
