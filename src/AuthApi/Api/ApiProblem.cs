using System.Diagnostics;
using System.Globalization;
using System.Text.Json.Serialization;
using AuthApi.Sessions;

namespace AuthApi.Api;

/// <summary>
/// Every error the API can answer: <c>application/problem+json</c> (RFC 9457) with a stable <c>code</c> that a client can
/// switch on. The table below is the whole vocabulary.
/// </summary>
/// <param name="Status">The HTTP status.</param>
/// <param name="Code">A snake_case word that never changes its meaning.</param>
/// <param name="Title">One plain sentence for a person.</param>
/// <param name="RetryAfter">In how many seconds trying again makes sense, where that is always the same.</param>
/// <param name="Detail">What was refused in this request, and the setting that decides it; safe to show.</param>
public sealed record ApiProblem(int Status, string Code, string Title, int? RetryAfter = null, string? Detail = null)
{
    public static readonly ApiProblem BadRequest = new(400, "bad_request", "The request could not be understood.");
    public static readonly ApiProblem HostNotAllowed = new(400, "host_not_allowed", "This API is not served under this host name.");
    public static readonly ApiProblem HttpsRequired = new(400, "https_required", "This API is served over HTTPS only.");
    public static readonly ApiProblem MalformedJson = new(400, "malformed_json", "The body is not the JSON object this call expects.");
    public static readonly ApiProblem InvalidCode = new(400, "invalid_code", "The code is not right, or not good any more.");
    public static readonly ApiProblem InvalidCredential = new(400, "invalid_credential", "The passkey could not be added: the answer of the authenticator is not valid here, has expired or was used already. Ask for new options.");
    public static readonly ApiProblem ValidationFailed = new(400, "validation_failed", "One or more fields are not valid.");
    public static readonly ApiProblem NotAuthenticated = Of(SessionProblem.NotAuthenticated);
    public static readonly ApiProblem AmbiguousSession = Of(SessionProblem.AmbiguousSession);
    public static readonly ApiProblem InvalidCredentials = new(401, "invalid_credentials", "The e-mail address, user name, password, code or passkey is not right.");
    public static readonly ApiProblem TwoFactorRequired = new(401, "two_factor_required", "A second factor is needed to log in.");
    public static readonly ApiProblem Forbidden = Of(SessionProblem.Forbidden);
    public static readonly ApiProblem EmailNotConfirmed = new(403, "email_not_confirmed", "The e-mail address is not confirmed yet. Use the code that was mailed to it.");
    public static readonly ApiProblem PasswordChangeRequired = new(403, "password_change_required", "Another password must be set first. Ask for a code by \"forgot password\".");
    public static readonly ApiProblem RecoverySession = new(403, "recovery_session", "This session was started to recover the account. It may only add a passkey or set a password; then log in.");
    public static readonly ApiProblem CrossSiteRequest = new(403, "cross_site_request", "A page of another origin may not make this call.");
    public static readonly ApiProblem ReauthenticationRequired = Of(SessionProblem.ReauthenticationRequired);
    public static readonly ApiProblem NotFound = Of(SessionProblem.NotFound);
    public static readonly ApiProblem MethodNotAllowed = new(405, "method_not_allowed", "This address does not take that method.");
    public static readonly ApiProblem EmailTaken = new(409, "email_taken", "There is an account with this e-mail address already.");
    public static readonly ApiProblem UserNameTaken = new(409, "user_name_taken", "There is an account with this user name already.");
    public static readonly ApiProblem LastAdministrator = new(409, "last_administrator", "This is the only administrator. Make another one first.");
    public static readonly ApiProblem SetupRequired = new(409, "setup_required", "There is no authenticator app to switch on. Begin with POST /two-factor/setup/.");
    public static readonly ApiProblem LastCredential = new(409, "last_credential", "This is the last way to log in to the account. Add another one, or set a password, first.");
    public static readonly ApiProblem TooManyPasskeys = new(409, "too_many_passkeys", "The account has as many passkeys as it may have. Delete one first.");
    public static readonly ApiProblem PayloadTooLarge = new(413, "payload_too_large", "The body is larger than 16 KB.");
    public static readonly ApiProblem UnsupportedMediaType = new(415, "unsupported_media_type", "The body must be application/json.");
    public static readonly ApiProblem TooManyRequests = new(429, "too_many_requests", "Too many requests. Try again later.");
    public static readonly ApiProblem HeadersTooLarge = new(431, "headers_too_large", "The Cookie or Authorization header is larger than 16 KB.");
    public static readonly ApiProblem InternalError = new(500, "internal_error", "Something went wrong on our side.");
    public static readonly ApiProblem StoreUnavailable = Of(SessionProblem.StoreUnavailable);
    public static readonly ApiProblem ServiceUnavailable = new(503, "service_unavailable", "The service cannot answer now. Try again.", RetryAfter: 2);
    public static readonly ApiProblem MailNotConfigured = new(503, "mail_not_configured", "This call sends mail, and the server has no mail set up: Email:Smtp:Host or Email:PickupDirectory.", RetryAfter: 3600);
    public static readonly ApiProblem AuthenticatorUnavailable = new(503, "authenticator_unavailable", "The server cannot read the keys of authenticator apps. Use a recovery code or a passkey, or try again later.", RetryAfter: 300);
    public static readonly ApiProblem ServerBusy = new(503, "server_busy", "Too much is going on at once. Try again.", RetryAfter: 5);

    /// <summary><see cref="InvalidCode"/> of a mailed code.</summary>
    public static ApiProblem InvalidMailedCode => InvalidCode with { Title = $"{InvalidCode.Title} Ask for another." };

    /// <summary><see cref="InvalidCode"/> of an authenticator app.</summary>
    public static ApiProblem InvalidAppCode => InvalidCode with { Title = $"{InvalidCode.Title} Give the one that the app shows now; the clock of its device must be right." };

    /// <summary><see cref="InvalidCode"/> where a mailed code and a recovery code are given, in the same words for either.</summary>
    public static ApiProblem InvalidCodePair => InvalidCode with { Title = "One of the two codes is not right, or not good any more. Check the recovery code, and ask for another mailed code." };

    /// <summary>The problem to answer where only a status is known.</summary>
    public static ApiProblem ForStatus(int status) => status switch
    {
        401 => NotAuthenticated,
        403 => Forbidden,
        404 => NotFound,
        405 => MethodNotAllowed,
        413 => PayloadTooLarge,
        415 => UnsupportedMediaType,
        429 => TooManyRequests,
        431 => HeadersTooLarge,
        503 => ServiceUnavailable,
        >= 400 and < 500 => BadRequest with { Status = status },
        _ => InternalError with { Status = status },
    };

    private static ApiProblem Of(SessionProblem problem) => new(problem.Status, problem.Code, problem.Title, problem.RetryAfter);

    /// <summary>Answers with this problem, and leaves it among the features of the request for the middleware before.</summary>
    /// <param name="context">The request to answer; its response must not have started.</param>
    /// <param name="errors">What is wrong with which field, by the field's name in JSON.</param>
    public Task WriteAsync(HttpContext context, IReadOnlyDictionary<string, string[]>? errors = null)
    {
        context.Features.Set(this);
        context.Response.StatusCode = Status;
        context.Response.Headers.CacheControl = "no-store";
        if (Status == StatusCodes.Status401Unauthorized)
        {
            // Every 401 has one (RFC 9110, 15.5.2).
            context.Response.Headers.WWWAuthenticate = "Session realm=\"AuthApi\"";
        }

        if (RetryAfter is { } seconds)
        {
            context.Response.Headers.RetryAfter = seconds.ToString(CultureInfo.InvariantCulture);
        }

        var response = new ProblemResponse(Title, Status, Code, Activity.Current?.Id ?? context.TraceIdentifier, errors, Detail);
        return context.Response.WriteAsJsonAsync(response, options: null, "application/problem+json");
    }
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase)]
[JsonSerializable(typeof(ProblemResponse))]
internal sealed partial class ProblemJson : JsonSerializerContext;

/// <summary>An error (RFC 9457).</summary>
/// <param name="Title">A sentence for a person.</param>
/// <param name="Status">The HTTP status.</param>
/// <param name="Code">A stable word for programs to switch on.</param>
/// <param name="TraceId">The id of this request, to quote when you ask about it.</param>
/// <param name="Errors">The errors of each field, where fields are not valid.</param>
/// <param name="Detail">The value that was rejected, and the setting that decides it.</param>
public sealed record ProblemResponse(
    string Title,
    int Status,
    string Code,
    string TraceId,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] IReadOnlyDictionary<string, string[]>? Errors,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] string? Detail = null);
