using System.CommandLine;
using AuthApi.Administration;
using AuthApi.Api;

namespace AuthApi.Commands;

/// <summary>The commands <c>roles …</c>.</summary>
internal static class RoleCommands
{
    private static readonly Argument<string> Role = new("ROLE") { Description = "The role: Admin." };

    public static Command Create() => new("roles", "Grant a role, or take it away.")
    {
        Change("grant", "Grant a role to an account. It is in force in its next request.", "has the role", (administration, id, role) => administration.GrantAsync(id, role)),
        Change("remove", "Take a role away from an account. It is in force in its next request.", "does not have the role", (administration, id, role) => administration.RemoveAsync(id, role)),
    };

    private static ProgramCommand Change(string name, string description, string done, Func<AccountAdministration, int, string, Task<ApiProblem?>> change) => new(name, description, async call =>
    {
        await using var scope = call.Services.CreateAsyncScope();
        var user = await UserCommands.FindAsync(scope.ServiceProvider, call.Arguments.GetRequiredValue(UserCommands.User));
        var (id, email, role) = (user.Id, user.Email, call.Arguments.GetRequiredValue(Role));
        await call.ConfirmAsync($"User {id}, {email}, {role}: {description}");
        UserCommands.Ensure(await change(scope.ServiceProvider.GetRequiredService<AccountAdministration>(), id, role));
        await call.PrintAsync(new { Id = id, Email = email, Role = role, Done = name }, $"User {id}, {email}, {done} {role}.");
        return CommandExit.Done;
    })
    {
        Example = $"roles {name} ada@example.com Admin --yes",
        Arguments = { UserCommands.User, Role },
        Options = { ProgramCommand.Yes },
        IsForServer = true,
        NeedsStore = true,
    };
}
