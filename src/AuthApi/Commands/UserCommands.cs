using System.CommandLine;
using System.Globalization;
using AuthApi.Administration;
using AuthApi.Api;
using AuthApi.Audit;
using AuthApi.Startup;
using AuthApi.Storage;
using Microsoft.AspNetCore.Identity;

namespace AuthApi.Commands;

/// <summary>The commands <c>users …</c>: what an administrator sees of accounts and does to them.</summary>
internal static class UserCommands
{
    /// <summary>The account that a command is about.</summary>
    internal static readonly Argument<string> User = new("USER") { Description = "The account's id, address or user name. Digits are an id." };

    private static readonly Option<string?> Search = new("--search") { Description = "The beginning of an address or user name, or an id." };
    private static readonly Option<string?> After = new("--after") { Description = "The next of the previous page, with the same search." };
    private static readonly Option<int> Limit = new("--limit") { Description = "The maximum number of accounts, 1 to 1000.", DefaultValueFactory = _ => 100 };

    public static Command Create() => new("users", "See accounts, disable and enable them, reset their factors.")
    {
        new ProgramCommand("list", "List accounts, or those that a search finds.", ListAsync)
        {
            Example = "users list --search ada",
            Options = { Search, After, Limit },
            IsForServer = true,
            NeedsStore = true,
        },
        new ProgramCommand("show", "Show an account.", ShowAsync) { Example = "users show ada@example.com --json", Arguments = { User }, IsForServer = true, NeedsStore = true },
        Change("disable", "Disable an account: its sessions end, and it cannot sign in.", "is disabled. Its sessions have ended.", (administration, id) => administration.DisableAsync(id)),
        Change("enable", "Enable an account again.", "is enabled.", (administration, id) => administration.EnableAsync(id)),
        Change("reset-factors", "Remove the passkeys and the second factor of an account.", "has no passkeys and no second factor. Its sessions have ended.", (administration, id) => administration.ResetFactorsAsync(id)),
        Change("require-password-change", "Let an account sign in with another password only.", "must set another password. Its sessions have ended.", (administration, id) => administration.RequirePasswordChangeAsync(id)),
        Change("delete", "Delete an account with all that is held about it.", "is deleted.", (administration, id) => administration.DeleteAsync(id)),
    };

    /// <summary>Finds the account that a command names.</summary>
    /// <exception cref="CommandException">There is none.</exception>
    internal static async Task<ApplicationUser> FindAsync(IServiceProvider services, string text)
    {
        var users = services.GetRequiredService<UserManager<ApplicationUser>>();

        // A user name may be digits too. Where the account with an id is gone, a command must not find another one that is named so.
        var isId = text.All(char.IsAsciiDigit);
        var found = !isId ? await users.FindByEmailAsync(text) ?? await users.FindByNameAsync(text)
            : int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out _) ? await users.FindByIdAsync(text)
            : null;
        return found ?? throw new CommandException(isId ? $"there is no account with the id {text}." : $"there is no account with the address or user name '{text}'.");
    }

    /// <summary>Says why it was not done, if it was not.</summary>
    /// <exception cref="CommandException">It was not.</exception>
    internal static void Ensure(ApiProblem? problem)
    {
        if (problem is not null)
        {
            throw new CommandException($"{problem.Detail ?? problem.Title} ({problem.Code}) Nothing was changed.");
        }
    }

    private static ProgramCommand Change(string name, string description, string done, Func<AccountAdministration, int, Task<ApiProblem?>> change) => new(name, description, async call =>
    {
        await using var scope = call.Services.CreateAsyncScope();
        var user = await FindAsync(scope.ServiceProvider, call.Arguments.GetRequiredValue(User));
        var (id, email) = (user.Id, user.Email);
        if (name != "enable")
        {
            await call.ConfirmAsync($"User {id}, {email}: {description}");
        }

        Ensure(await change(scope.ServiceProvider.GetRequiredService<AccountAdministration>(), id));
        await call.PrintAsync(new { Id = id, Email = email, Done = name }, $"User {id}, {email}, {done}");
        return CommandExit.Done;
    })
    {
        Example = $"users {name} ada@example.com{(name == "enable" ? "" : " --yes")}",
        Arguments = { User },
        Options = { ProgramCommand.Yes },
        IsForServer = true,
        NeedsStore = true,
    };

    private static async Task<int> ListAsync(CommandCall call)
    {
        var limit = call.Arguments.GetValue(Limit);
        if (limit is < 1 or > 1_000)
        {
            throw new CommandException("--limit must be between 1 and 1000.");
        }

        await using var scope = call.Services.CreateAsyncScope();
        if (await scope.ServiceProvider.GetRequiredService<UserList>().ReadAsync(call.Arguments.GetValue(Search), call.Arguments.GetValue(After), limit) is not { } page)
        {
            throw new CommandException($"--after: {AdministrationAnswers.NotACursor}");
        }

        await call.Services.GetRequiredService<BoundedEvents>().RecordCommandReadAsync(AdministrationEvent.UsersRead);
        var lines = page.Items.Select(Line);
        await call.PrintAsync(
            new UsersResponse(page.Items, page.Next),
            string.Join(Environment.NewLine, [.. lines, page.Next is null ? "" : $"More: --after {page.Next}"]).TrimEnd());
        return CommandExit.Done;
    }

    private static async Task<int> ShowAsync(CommandCall call)
    {
        await using var scope = call.Services.CreateAsyncScope();
        var user = await FindAsync(scope.ServiceProvider, call.Arguments.GetRequiredValue(User));
        var detail = await UserDetailResponse.ReadAsync(scope.ServiceProvider, user);
        await call.Services.GetRequiredService<BoundedEvents>().RecordCommandReadAsync(AdministrationEvent.UserRead, user.Id);
        await call.PrintAsync(
            detail,
            string.Create(CultureInfo.InvariantCulture, $"{Line(detail.User)}{Environment.NewLine}password: {(detail.HasPassword ? "yes" : "no")}, passkeys: {detail.Passkeys}, recovery codes: {detail.RecoveryCodesLeft}, failed logins: {detail.FailedLogins}, sessions: {detail.Sessions}"));
        return CommandExit.Done;
    }

    private static string Line(UserItem user)
    {
        string[] states =
        [
            .. user.Roles,
            user.EmailConfirmed ? "" : "unconfirmed",
            user.DisabledAt is { } disabled ? $"disabled since {disabled:yyyy-MM-dd}" : "",
            user.MustChangePassword ? "must change the password" : "",
            user.TwoFactorEnabled ? "second factor" : "",
        ];
        return $"{user.Id}  {user.Email}{(user.UserName == user.Email ? "" : $"  {user.UserName}")}  since {user.CreatedAt:yyyy-MM-dd}  {string.Join(", ", states.Where(state => state.Length > 0))}".TrimEnd();
    }
}
