using System.Globalization;
using AuthApi.Api;
using AuthApi.Audit;
using AuthApi.Identity;
using AuthApi.Mail;
using AuthApi.Storage;
using Microsoft.AspNetCore.Identity;
using Microsoft.EntityFrameworkCore;

namespace AuthApi.Administration;

/// <summary>
/// What an administrator may do to an account, by the API or by a command: each in one transaction with its event and the message to the owner. What changes how the
/// account signs in gets a new security stamp, which ends its sessions.
/// </summary>
internal sealed class AccountAdministration(
    AuthDbContext context,
    ApplicationUserManager users,
    RoleManager<IdentityRole<int>> roles,
    Administrators administrators,
    AdministrationLog log,
    MailQueue mail,
    MailTexts texts,
    TimeProvider time)
{
    /// <summary>Disables an account: its sessions end, and it cannot sign in.</summary>
    /// <returns>Why not; <see langword="null"/> when it is done.</returns>
    public Task<ApiProblem?> DisableAsync(int id) => ChangeAsync(id, keepsAdministrator: true, async user =>
    {
        if (user.DisabledAt is not null)
        {
            return Nothing;
        }

        user.DisabledAt = time.GetUtcNow();
        log.Add(AdministrationEvent.AccountDisabled, id);
        Notify(user, texts.AccountDisabled(user.Email!));
        return await users.UpdateSecurityStampAsync(user);
    });

    /// <summary>Enables an account again, and lifts a lock after wrong passwords.</summary>
    /// <returns>Why not; <see langword="null"/> when it is done.</returns>
    public Task<ApiProblem?> EnableAsync(int id) => ChangeAsync(id, keepsAdministrator: false, async user =>
    {
        if (user.DisabledAt is null && user.LockoutEnd is null)
        {
            return Nothing;
        }

        (user.DisabledAt, user.LockoutEnd, user.AccessFailedCount) = (null, null, 0);
        log.Add(AdministrationEvent.AccountEnabled, id);
        Notify(user, texts.AccountEnabled(user.Email!));
        return await users.UpdateAsync(user);
    });

    /// <summary>Removes passkeys, the second factor and its recovery codes.</summary>
    /// <returns>Why not; <see langword="null"/> when it is done.</returns>
    public Task<ApiProblem?> ResetFactorsAsync(int id) => ChangeAsync(id, keepsAdministrator: false, async user =>
    {
        await users.RemoveFactorsAsync(user);
        log.Add(AdministrationEvent.FactorsReset, id);
        Notify(user, texts.FactorsReset(user.Email!));

        // In a save of its own: a stamp that changes with the factor alone spares the session that asked for it, here the administrator's where the account is their own.
        return await users.UpdateAsync(user) is { Succeeded: false } failed ? failed : await users.UpdateSecurityStampAsync(user);
    });

    /// <summary>Ends the sessions of an account, which then signs in with another password only.</summary>
    /// <returns>Why not; <see langword="null"/> when it is done.</returns>
    public async Task<ApiProblem?> RequirePasswordChangeAsync(int id) => !mail.IsConfigured
        ? ApiProblem.MailNotConfigured
        : await ChangeAsync(id, keepsAdministrator: false, async user =>
        {
            user.MustChangePassword = true;
            log.Add(AdministrationEvent.PasswordChangeRequired, id);
            Notify(user, texts.PasswordChangeRequired(user.Email!));
            return await users.UpdateSecurityStampAsync(user);
        });

    /// <summary>Deletes an account with all that is held about it, as its owner can.</summary>
    /// <returns>Why not; <see langword="null"/> when it is done.</returns>
    public Task<ApiProblem?> DeleteAsync(int id) => ChangeAsync(id, keepsAdministrator: true, async user =>
    {
        log.Add(AccountEvent.AccountDeleted, id);
        mail.Add(user.Email!, texts.AccountDeletedByAdministrator(user.Email!), userId: null);
        return await users.DeleteAsync(user);
    });

    /// <summary>Grants a role. It is in force in the next request of each session.</summary>
    /// <returns>Why not; <see langword="null"/> when it is done.</returns>
    public async Task<ApiProblem?> GrantAsync(int id, string role)
    {
        if (Known(role) is not { } name)
        {
            return ApiProblem.NotFound with { Detail = $"There is no role with the name {Shown(role)}; there is {AccountRoles.Admin}." };
        }

        return await ChangeAsync(id, keepsAdministrator: false, async user =>
        {
            var made = await administrators.MakeRoleAsync(roles, name);
            if (!made.Succeeded)
            {
                return made;
            }

            if (await users.IsInRoleAsync(user, name))
            {
                return Nothing;
            }

            log.Add(AdministrationEvent.RoleGranted, id, name);
            Notify(user, texts.RoleGranted(user.Email!, name));
            return await users.AddToRoleAsync(user, name);
        });
    }

    /// <summary>Takes a role away. It is in force in the next request of each session.</summary>
    /// <returns>Why not; <see langword="null"/> when it is done.</returns>
    public async Task<ApiProblem?> RemoveAsync(int id, string role)
    {
        if (Known(role) is not { } name)
        {
            return ApiProblem.NotFound with { Detail = $"There is no role with the name {Shown(role)}; there is {AccountRoles.Admin}." };
        }

        return await ChangeAsync(id, keepsAdministrator: true, async user =>
        {
            if (!await users.IsInRoleAsync(user, name))
            {
                return Nothing;
            }

            log.Add(AdministrationEvent.RoleRemoved, id, name);
            Notify(user, texts.RoleRemoved(user.Email!, name));
            return await users.RemoveFromRoleAsync(user, name);
        });
    }

    /// <summary>Records that sessions were ended, and notifies the owner where they were of one account: nobody is notified of an end of everybody's.</summary>
    /// <param name="id">The account; <see langword="null"/> for everybody.</param>
    /// <param name="ended">How many sessions.</param>
    public async Task RecordEndedSessionsAsync(int? id, int ended)
    {
        log.Add(AdministrationEvent.SessionsEnded, id, ended.ToString(CultureInfo.InvariantCulture));
        if (ended > 0 && id is not null && await context.Users.Where(user => user.Id == id).Select(user => user.Email).SingleOrDefaultAsync() is { } email)
        {
            mail.Add(email, texts.SessionsEnded(email, ended), id);
        }

        await context.SaveChangesAsync();
    }

    private static IdentityResult Nothing => IdentityResult.Success;

    // The names in the program: one that was mistyped would otherwise be a new role that means nothing.
    private static string? Known(string role) => role.Equals(AccountRoles.Admin, StringComparison.OrdinalIgnoreCase) ? AccountRoles.Admin : null;

    private static string Shown(string role) => role.Length <= 64 && role.All(character => !char.IsControl(character)) ? $"'{role}'" : "given";

    private void Notify(ApplicationUser user, MailContent content) => mail.Add(user.Email!, content, user.Id);

    private async Task<ApiProblem?> ChangeAsync(int id, bool keepsAdministrator, Func<ApplicationUser, Task<IdentityResult>> change)
    {
        await using var transaction = await context.Database.BeginTransactionAsync();

        // First, as some changes need it: in another order two of them would wait for each other on PostgreSQL.
        await administrators.LockAsync();
        if (keepsAdministrator && await administrators.IsLastAsync(id))
        {
            return ApiProblem.LastAdministrator;
        }

        if (await users.FindLockedAsync(id) is not { } user)
        {
            return ApiProblem.NotFound;
        }

        var result = await change(user);
        if (!result.Succeeded)
        {
            throw new InvalidOperationException($"The account was not changed: {result}");
        }

        await transaction.CommitAsync();
        return null;
    }
}
