using System.Diagnostics;
using System.Globalization;
using System.Text.Json.Serialization;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Mvc;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;

namespace AuthApi.Sessions;

/// <summary>An error that sessions answer with, as a problem (RFC 9457).</summary>
/// <param name="Status">The HTTP status.</param>
/// <param name="Code">A stable word for programs to switch on.</param>
/// <param name="Title">A sentence for a person.</param>
/// <param name="RetryAfter">The value of <c>Retry-After</c>, in seconds, where the client should try again.</param>
public sealed partial record SessionProblem(int Status, string Code, string Title, int? RetryAfter = null)
{
    /// <summary>401: no live session came.</summary>
    public static readonly SessionProblem NotAuthenticated = new(401, "not_authenticated", "You are not signed in, or the session has ended: log in.");

    /// <summary>401: session cookies with different values came.</summary>
    public static readonly SessionProblem AmbiguousSession =
        new(401, "ambiguous_session", "Two session cookies came with different values: another program on this host uses the same name. Clear the cookies of this host and log in; Sessions:CookieName names another cookie.");

    /// <summary>403: the user may not do this.</summary>
    public static readonly SessionProblem Forbidden = new(403, "forbidden", "This session may not do that.");

    /// <summary>403: the user must have authenticated recently.</summary>
    public static readonly SessionProblem ReauthenticationRequired =
        new(403, "reauthentication_required", "This call needs a recent authentication: reauthenticate and try again.");

    /// <summary>404: the account has no such session.</summary>
    public static readonly SessionProblem NotFound = new(404, "not_found", "There is nothing at this address.");

    /// <summary>503: the store is out of reach.</summary>
    public static readonly SessionProblem StoreUnavailable = new(503, "store_unavailable", "The store is out of reach. Try again.", RetryAfter: 2);

    /// <summary><see cref="NotAuthenticated"/>, where an <c>Authorization</c> header came that is not a session's.</summary>
    public static SessionProblem OtherAuthorization { get; } = NotAuthenticated with
    {
        Title = "The Authorization header does not carry a session. Send it as Authorization: Session TOKEN.",
    };

    /// <summary>Answers with this problem, and leaves it among the features of the request for the middleware before.</summary>
    /// <param name="context">The request to answer; its response must not have started.</param>
    public Task WriteAsync(HttpContext context)
    {
        ArgumentNullException.ThrowIfNull(context);
        context.Features.Set(this);
        context.Response.StatusCode = Status;
        context.Response.Headers.CacheControl = "no-store";
        if (Status == StatusCodes.Status401Unauthorized)
        {
            // Every 401 has one (RFC 9110, 15.5.2).
            context.Response.Headers.WWWAuthenticate = context.RequestServices.GetRequiredService<IOptions<UserSessionOptions>>().Value.Challenge;
        }

        if (RetryAfter is { } seconds)
        {
            context.Response.Headers.RetryAfter = seconds.ToString(CultureInfo.InvariantCulture);
        }

        var body = new Body(Title, Status, Code, Activity.Current?.Id ?? context.TraceIdentifier);
        return context.Response.WriteAsJsonAsync(body, Json.Default.Body, "application/problem+json");
    }

    internal sealed record Body(string Title, int Status, string Code, string TraceId);

    [JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase)]
    [JsonSerializable(typeof(Body))]
    private sealed partial class Json : JsonSerializerContext;
}

/// <summary>An action's answer when it is a problem of sessions.</summary>
internal sealed class SessionProblemResult(SessionProblem problem) : ActionResult
{
    public override Task ExecuteResultAsync(ActionContext context) => problem.WriteAsync(context.HttpContext);
}
