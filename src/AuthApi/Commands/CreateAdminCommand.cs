using System.CommandLine;
using System.Globalization;
using AuthApi.Audit;
using AuthApi.Identity;
using AuthApi.Sessions;
using AuthApi.Startup;
using AuthApi.Storage;
using Microsoft.AspNetCore.Identity;

namespace AuthApi.Commands;

/// <summary>The command <c>create-admin</c>, which makes the first administrator.</summary>
internal static class CreateAdminCommand
{
    private static readonly Argument<string> Email = new("EMAIL") { Description = "The address of the account." };

    public static ProgramCommand Create() => new("create-admin", "Create an administrator. Asks for the password, or reads it from standard input.", RunAsync)
    {
        Example = "create-admin ada@example.com < password-file",
        Arguments = { Email },
        IsForServer = true,
    };

    private static async Task<int> RunAsync(CommandCall call)
    {
        var email = call.Arguments.GetRequiredValue(Email).Trim();
        if (EmailAddress.FindError(email) is { } error)
        {
            throw new CommandException($"'{email}' is no address: {error}");
        }

        await call.Services.PrepareStorageAsync(call.Cancelled);
        await using var scope = call.Services.CreateAsyncScope();
        var users = scope.ServiceProvider.GetRequiredService<ApplicationUserManager>();
        if (await users.FindByEmailAsync(email) is { } known)
        {
            throw new CommandException(string.Create(CultureInfo.InvariantCulture, $"there is an account with the address {email} already, user {known.Id}."));
        }

        var password = await AskPasswordAsync(call);
        var user = new ApplicationUser
        {
            Email = email,
            UserName = email,
            EmailConfirmed = true, // who has the command line vouches for it
            CreatedAt = scope.ServiceProvider.GetRequiredService<TimeProvider>().GetUtcNow(),
        };

        // Before the transaction, as nobody else writes to an SQLite file meanwhile: it may wait for the hashes of logins, and for the check of breaches.
        Ensure(await users.HashNewPasswordAsync(user, password));
        await CreateAsync(scope.ServiceProvider, users, user, call.Cancelled);
        await call.PrintAsync(new { user.Id, user.Email, Roles = new[] { AccountRoles.Admin } }, string.Create(CultureInfo.InvariantCulture, $"User {user.Id}, {email}, is an administrator."));
        return CommandExit.Done;
    }

    private static async Task CreateAsync(IServiceProvider services, ApplicationUserManager users, ApplicationUser user, CancellationToken cancellationToken)
    {
        var context = services.GetRequiredService<AuthDbContext>();
        await using var transaction = await context.Database.BeginTransactionAsync(cancellationToken);
        Ensure(await users.CreateAsync(user));
        Ensure(await services.GetRequiredService<Administrators>().MakeRoleAsync(services.GetRequiredService<RoleManager<IdentityRole<int>>>(), AccountRoles.Admin));
        context.AddAuditEntry(new AuditEntry
        {
            At = user.CreatedAt,
            Event = AdministrationEvent.RoleGranted,
            UserId = user.Id.ToString(CultureInfo.InvariantCulture),
            SessionId = null,
            Reason = AccountRoles.Admin,
        });
        Ensure(await users.AddToRoleAsync(user, AccountRoles.Admin));
        await transaction.CommitAsync(cancellationToken);
    }

    private static async Task<string> AskPasswordAsync(CommandCall call)
    {
        var password = await call.Console.AskAsync("Password: ", isSecret: true);
        if (password is null or "")
        {
            throw new CommandException("no password was given. Nothing was changed.");
        }

        if (call.Console.IsInteractive && await call.Console.AskAsync("The same again: ", isSecret: true) != password)
        {
            throw new CommandException("the two passwords differ. Nothing was changed.");
        }

        return password;
    }

    private static void Ensure(IdentityResult result)
    {
        if (!result.Succeeded)
        {
            throw new CommandException($"{string.Join(" ", result.Errors.Select(error => error.Description))} Nothing was changed.");
        }
    }
}
