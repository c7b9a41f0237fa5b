using System.Security.Claims;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Identity;

namespace AuthApi.Sessions.Tests;

/// <summary>Register, log in, log out and the rest, as a stock application writes them with Identity's managers.</summary>
internal static class AppEndpoints
{
    public static void Map<TUser>(WebApplication application)
        where TUser : class, IAppUser, new()
    {
        application.MapPost("/register/", async (Credentials credentials, UserManager<TUser> users) =>
        {
            var user = new TUser { UserName = credentials.Email, Email = credentials.Email, DisplayName = "Ada" };
            return await users.CreateAsync(user, credentials.Password) is { Succeeded: true }
                ? Results.Json(new { id = await users.GetUserIdAsync(user) }, statusCode: 201)
                : Results.BadRequest();
        });

        application.MapPost("/login/", async (Credentials credentials, SignInManager<TUser> signIn) =>
            await signIn.PasswordSignInAsync(credentials.Email, credentials.Password, credentials.RememberMe, lockoutOnFailure: true) is { Succeeded: true }
                ? Results.Json(new { })
                : Results.Unauthorized());

        // The header transport, for an application's own login.
        application.MapPost("/login/header/", async (Credentials credentials, UserManager<TUser> users, SignInManager<TUser> signIn) =>
        {
            var user = (await users.FindByNameAsync(credentials.Email))!;
            var properties = SessionProperties.Create(SessionTransport.Header, credentials.RememberMe);
            await signIn.SignInAsync(user, properties);
            return Results.Json(new { sessionToken = properties.GetStartedSession()?.Token });
        });

        application.MapPost("/logout/", (SignInManager<TUser> signIn) => signIn.SignOutAsync());

        application.MapPost("/password/", async (PasswordChange change, HttpContext context, UserManager<TUser> users, SignInManager<TUser> signIn) =>
        {
            var user = (await users.GetUserAsync(context.User))!;
            if (await users.ChangePasswordAsync(user, change.Current, change.Next) is not { Succeeded: true })
            {
                return Results.BadRequest();
            }

            if (change.StaysSignedIn)
            {
                await signIn.RefreshSignInAsync(user);
            }

            return Results.Ok();
        }).RequireAuthorization();

        application.MapPost("/reauthenticate/", async (PasswordProof proof, HttpContext context, UserManager<TUser> users) =>
            await users.CheckPasswordAsync((await users.GetUserAsync(context.User))!, proof.Password) && await context.RenewUserSessionAsync() is { } renewed
                ? Results.Json(new { session = renewed.Response, sessionToken = renewed.Token })
                : Results.Unauthorized()).RequireAuthorization();

        application.MapGet("/me/", (ClaimsPrincipal user, HttpContext context) => Results.Json(new
        {
            name = user.Identity!.Name,
            displayName = user.FindFirstValue(AppClaimsFactory<TUser, IdentityRole>.DisplayName),
            roles = user.FindAll(ClaimTypes.Role).Select(claim => claim.Value),
            likes = user.FindAll("likes").Select(claim => claim.Value),
            sid = user.FindFirstValue(SessionClaims.SessionId),
            session = context.FindUserSession()?.Session.Id,
        })).RequireAuthorization();

        application.MapGet("/admin/", () => "for administrators").RequireAuthorization(policy => policy.RequireRole("Admin"));
        application.MapGet("/open/", (HttpContext context) => Results.Json(new { session = context.FindUserSession()?.Session.Id }));
        application.Map("/page/", () => "a page").RequireAuthorization();
    }

    internal sealed record Credentials(string Email, string Password, bool RememberMe = false);

    internal sealed record PasswordProof(string Password);

    internal sealed record PasswordChange(string Current, string Next, bool StaysSignedIn = true);
}
