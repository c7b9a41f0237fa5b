using AuthApi.Api;
using AuthApi.Sessions;
using Microsoft.AspNetCore.Authorization;

namespace AuthApi.Identity;

/// <summary>
/// Sessions of <c>POST /recovery/</c>: a recovery code is all that their user has proven beside the mailbox. Every authorization of such a session fails, whatever its
/// policy, but for actions that allow it: an action that is added is closed to it.
/// </summary>
internal static class RecoverySession
{
    /// <summary>Whether the request's session is one.</summary>
    public static bool IsRecoverySession(this HttpContext context) =>
        context.FindUserSession()?.Session.AuthenticationMethods is [AuthenticationMethod.RecoveryCode];

    public static void AddRecoverySession(this IServiceCollection services) => services.AddSingleton<IAuthorizationHandler, Handler>();

    private sealed class Handler(IHttpContextAccessor http) : IAuthorizationHandler
    {
        public Task HandleAsync(AuthorizationHandlerContext context)
        {
            if (http.HttpContext is { } request
                && request.IsRecoverySession()
                && request.GetEndpoint()?.Metadata.GetMetadata<AllowRecoverySessionAttribute>() is null)
            {
                context.Fail(new ProblemReason(this, ApiProblem.RecoverySession));
            }

            return Task.CompletedTask;
        }
    }
}
