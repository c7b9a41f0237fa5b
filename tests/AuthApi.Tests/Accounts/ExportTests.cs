using System.Net;
using System.Security.Claims;
using System.Text.Json.Nodes;
using AuthApi.Mail;
using AuthApi.Storage;
using AuthApi.Tests.Harness;
using Microsoft.AspNetCore.Identity;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata;
using Microsoft.Extensions.DependencyInjection;

namespace AuthApi.Tests.Accounts;

/// <summary>What <c>GET /me/export/</c> has of each table. A table or column that is added is exported, or explained here.</summary>
internal sealed class ExportTests
{
    private const string Secret = "a secret, or what it is checked against";
    private const string OwnId = "the account's number, which is account.id";
    private const string Spelling = "the same as the server compares it";
    private const string Mechanics = "says nothing of a person, but when the server does its work";

    // By the table and column, or by the table alone: where it is in the export.
    private static readonly Dictionary<string, string> Exported = new(StringComparer.Ordinal)
    {
        ["AspNetUsers.Id"] = "account.id",
        ["AspNetUsers.Email"] = "account.email",
        ["AspNetUsers.EmailConfirmed"] = "account.emailConfirmed",
        ["AspNetUsers.UserName"] = "account.userName",
        ["AspNetUsers.CreatedAt"] = "account.createdAt",
        ["AspNetUsers.PhoneNumber"] = "account.phoneNumber",
        ["AspNetUsers.PhoneNumberConfirmed"] = "account.phoneNumberConfirmed",
        ["AspNetUsers.PasswordHash"] = "account.hasPassword",
        ["AspNetUsers.MustChangePassword"] = "account.mustChangePassword",
        ["AspNetUsers.TwoFactorEnabled"] = "account.twoFactorEnabled",
        ["AspNetUsers.AuthenticatorStep"] = "account.authenticatorLastUsedAt",
        ["AspNetUsers.LockoutEnd"] = "account.lockedUntil",
        ["AspNetUsers.AccessFailedCount"] = "account.failedLogins",
        ["AspNetUsers.WrongFactorNotifiedAt"] = "account.wrongFactorNotifiedAt",
        ["AspNetUsers.WrongCodes"] = "account.wrongCodes",
        ["AspNetUsers.IsRegisteredAgain"] = "account.registeredAgain",
        ["RecoveryCodes.Hash"] = "account.recoveryCodesLeft",
        ["AspNetRoles.Name"] = "roles[]",
        ["AspNetUserClaims.ClaimType"] = "claims[].type",
        ["AspNetUserClaims.ClaimValue"] = "claims[].value",
        ["AspNetUserLogins.LoginProvider"] = "logins[].provider",
        ["AspNetUserLogins.ProviderKey"] = "logins[].key",
        ["AspNetUserLogins.ProviderDisplayName"] = "logins[].name",
        ["AspNetUserPasskeys.CredentialId"] = "passkeys[].id",
        ["AspNetUserPasskeys.LastUsedAt"] = "passkeys[].lastUsedAt",
        ["AspNetUserPasskeys.SignCount"] = "passkeys[].uses",
        ["AspNetUserPasskeys.Data.Name"] = "passkeys[].name",
        ["AspNetUserPasskeys.Data.CreatedAt"] = "passkeys[].createdAt",
        ["AspNetUserPasskeys.Data.PublicKey"] = "passkeys[].publicKey",
        ["AspNetUserPasskeys.Data.Transports"] = "passkeys[].transports",
        ["AspNetUserPasskeys.Data.IsUserVerified"] = "passkeys[].isUserVerified",
        ["AspNetUserPasskeys.Data.IsBackupEligible"] = "passkeys[].isBackupEligible",
        ["AspNetUserPasskeys.Data.IsBackedUp"] = "passkeys[].isBackedUp",
        ["KnownDevices.Device"] = "devices[].device",
        ["KnownDevices.Network"] = "devices[].network",
        ["KnownDevices.LastUsedAt"] = "devices[].lastUsedAt",
        ["UserSessions.Id"] = "sessions[].id",
        ["UserSessions.CreatedAt"] = "sessions[].createdAt",
        ["UserSessions.AuthenticatedAt"] = "sessions[].authenticatedAt",
        ["UserSessions.LastSeenAt"] = "sessions[].lastSeenAt",
        ["UserSessions.IdleExpiresAt"] = "sessions[].expiresAt",
        ["UserSessions.AbsoluteExpiresAt"] = "sessions[].endsAt",
        ["UserSessions.AuthenticationMethods"] = "sessions[].authenticationMethods",
        ["UserSessions.Transport"] = "sessions[].transport",
        ["UserSessions.RememberMe"] = "sessions[].rememberMe",
        ["UserSessions.IpAddress"] = "sessions[].ipAddress",
        ["UserSessions.UserAgent"] = "sessions[].userAgent",
        ["UserSessions.LastIpAddress"] = "sessions[].lastIpAddress",
        ["UserSessions.LastUserAgent"] = "sessions[].lastUserAgent",
        ["AuditEntries.Id"] = "events[].id",
        ["AuditEntries.At"] = "events[].at",
        ["AuditEntries.Event"] = "events[].event",
        ["AuditEntries.SessionId"] = "events[].sessionId",
        ["AuditEntries.BySessionId"] = "events[].bySessionId",
        ["AuditEntries.Reason"] = "events[].reason",
        ["AuditEntries.IpAddress"] = "events[].ipAddress",
        ["AuditEntries.UserAgent"] = "events[].userAgent",
        ["OneTimeCodes.Purpose"] = "codes[].purpose",
        ["OneTimeCodes.Data"] = "codes[].data",
        ["OneTimeCodes.CreatedAt"] = "codes[].createdAt",
        ["OneTimeCodes.ExpiresAt"] = "codes[].expiresAt",
        ["OneTimeCodes.Tries"] = "codes[].wrongTries",
        ["MailQueue.To"] = "messages[].to",
        ["MailQueue.Subject"] = "messages[].subject",
        ["MailQueue.CreatedAt"] = "messages[].createdAt",
    };

    // And why it is not there.
    private static readonly Dictionary<string, string> Explained = new(StringComparer.Ordinal)
    {
        ["AspNetUsers.NormalizedEmail"] = Spelling,
        ["AspNetUsers.NormalizedUserName"] = Spelling,
        ["AspNetUsers.SecurityStamp"] = Secret,
        ["AspNetUsers.ConcurrencyStamp"] = Mechanics,
        ["AspNetUsers.LockoutEnabled"] = "the same for all accounts",
        ["AspNetUsers.DisabledAt"] = "an account that is disabled has no session that could export it",
        ["AspNetUserTokens"] = Secret + ": the encrypted key of an authenticator app; that there is one is account.twoFactorEnabled",
        ["AspNetUserRoles"] = OwnId + ", beside that of a role",
        ["AspNetRoles.Id"] = "says nothing of a person",
        ["AspNetRoles.NormalizedName"] = Spelling,
        ["AspNetRoles.ConcurrencyStamp"] = Mechanics,
        ["AspNetRoleClaims"] = "belongs to a role, and not to a person",
        ["AspNetUserClaims.Id"] = Mechanics,
        ["AspNetUserClaims.UserId"] = OwnId,
        ["AspNetUserLogins.UserId"] = OwnId,
        ["AspNetUserPasskeys.UserId"] = OwnId,
        ["AspNetUserPasskeys.Data.SignCount"] = "always 0: the column beside it counts",
        ["AspNetUserPasskeys.Data.AttestationObject"] = "always empty",
        ["AspNetUserPasskeys.Data.ClientDataJson"] = "always empty",
        ["RecoveryCodes.UserId"] = OwnId,
        ["KnownDevices.UserId"] = OwnId,
        ["UserSessions.UserId"] = OwnId,
        ["UserSessions.Key"] = Secret,
        ["UserSessions.TokenHash"] = Secret,
        ["UserSessions.PrincipalVersion"] = Mechanics,
        ["AuditEntries.UserId"] = OwnId,
        ["AuditEntries.ByUserId"] = "an administrator's, who is another person",
        ["OneTimeCodes.UserId"] = OwnId,
        ["OneTimeCodes.Hash"] = Secret,
        ["MailQueue.Id"] = Mechanics,
        ["MailQueue.UserId"] = OwnId,
        ["MailQueue.Text"] = Secret + ": it may have a code",
        ["MailQueue.Html"] = Secret + ": it may have a code",
        ["MailQueue.Attempts"] = Mechanics,
        ["MailQueue.ExpiresAt"] = Mechanics,
        ["MailQueue.NextAttemptAt"] = Mechanics,
        ["CodeRequests"] = "an address that somebody typed, for the seconds until it is looked up; whose it is, is not known yet",
        ["PasskeyCeremonies"] = "what a client was asked for, for five minutes",
        ["RateLimits"] = "counts of addresses of clients, for minutes, without an account",
        ["DataProtectionKeys"] = Secret,
    };

    [Test]
    public async Task Every_column_is_exported_or_explained()
    {
        await using var application = new AuthApiApplication();
        var columns = Columns(application.Services).ToList();
        Assert.That(columns.Where(column => !Exported.ContainsKey(column) && !IsExplained(column)), Is.Empty, "what was added");
        Assert.That(Exported.Keys.Except(columns), Is.Empty, "what is gone");
        Assert.That(Explained.Keys.Where(key => !columns.Any(column => column == key || column.StartsWith($"{key}.", StringComparison.Ordinal))), Is.Empty, "what is gone");

        var before = application.Time.GetUtcNow();
        var export = await ExportOfOneThatHasAllAsync(application);
        Assert.That(Exported.Where(column => !Has(export, column.Value)).Select(column => $"{column.Key} is not at {column.Value}"), Is.Empty);
        using (Assert.EnterMultipleScope())
        {
            Assert.That((int?)export["account"]!["recoveryCodesLeft"], Is.EqualTo(9));
            Assert.That((DateTimeOffset?)export["account"]!["authenticatorLastUsedAt"], Is.EqualTo(before));
            Assert.That((DateTimeOffset?)export["passkeys"]![0]!["lastUsedAt"], Is.EqualTo(before));
            Assert.That((DateTimeOffset?)export["account"]!["wrongFactorNotifiedAt"], Is.EqualTo(before));
        }
    }

    private static bool IsExplained(string column) => Explained.ContainsKey(column) || Explained.ContainsKey(column.Split('.')[0]);

    // Of PostgreSQL, which has two tables more than SQLite.
    private static IEnumerable<string> Columns(IServiceProvider services)
    {
        using var context = new PostgreSqlAuthDbContext(
            new DbContextOptionsBuilder<PostgreSqlAuthDbContext>().UseNpgsql("Host=localhost").UseApplicationServiceProvider(services).Options);
        return [.. context.Model.GetEntityTypes().SelectMany(ColumnsOf)];

        static IEnumerable<string> ColumnsOf(IEntityType type)
        {
            var json = type.GetContainerColumnName();
            var place = json is null ? type.GetTableName()! : $"{type.FindOwnership()!.PrincipalEntityType.GetTableName()}.{json}";
            return type.GetProperties()
                .Where(property => json is null || !property.IsKey())
                .Select(property => $"{place}.{(json is null ? property.GetColumnName() : property.GetJsonPropertyName() ?? property.Name)}");
        }
    }

    private static async Task<JsonNode> ExportOfOneThatHasAllAsync(AuthApiApplication application)
    {
        const string ada = "ada@example.com";
        using var caller = await application.NewLoggedInBrowserAsync();
        using var passkey = new SoftwareAuthenticator();
        using var creation = await caller.PostAsync("/passkeys/options/");
        (await caller.PostAsync("/passkeys/", new { credential = passkey.Create(await creation.JsonAsync()), name = "Phone" })).Dispose();
        using var setup = await caller.PostAsync("/two-factor/setup/");
        var app = new AuthenticatorApp((await setup.JsonAsync())["sharedKey"]!.GetValue<string>(), application.Time);
        using var enabled = await caller.PostAsync("/two-factor/enable/", new { code = app.Code() });
        var recoveryCode = (await enabled.JsonAsync())["recoveryCodes"]![0]!.GetValue<string>();
        (await caller.PostAsync("/login/", new { email = ada, password = Browser.Password, twoFactorCode = app.WrongCode() })).Dispose();
        (await caller.PostAsync("/login/", new { email = ada, password = Browser.Password, twoFactorRecoveryCode = recoveryCode })).Dispose();
        using var assertion = await caller.PostAsync("/login/passkey/options/");
        (await caller.PostAsync("/login/passkey/", new { credential = passkey.Get(await assertion.JsonAsync()) })).Dispose();
        (await caller.PostAsync("/email/change/", new { newEmail = "ada@lovelace.example" })).Dispose();
        await application.MailIsQuietAsync();
        await application.WithScopeAsync(async services =>
        {
            var context = services.GetRequiredService<AuthDbContext>();
            var user = await context.Users.SingleAsync();
            user.PhoneNumber = "+44 20 7946 0000";
            var role = new IdentityRole<int>("Reader") { NormalizedName = "READER" };
            context.Add(role);
            await context.SaveChangesAsync();
            context.Add(new IdentityUserRole<int> { UserId = user.Id, RoleId = role.Id });
            context.Add(new IdentityUserClaim<int> { UserId = user.Id, ClaimType = ClaimTypes.Country, ClaimValue = "GB" });
            context.Add(new IdentityUserLogin<int> { UserId = user.Id, LoginProvider = "Example", ProviderKey = "17", ProviderDisplayName = "Example" });
            var later = application.Time.GetUtcNow().AddHours(1);
            context.Add(new MailMessage
            {
                Id = Guid.CreateVersion7(later),
                UserId = user.Id,
                To = ada,
                Subject = "later",
                Text = "",
                Html = "",
                CreatedAt = later,
                ExpiresAt = later.AddDays(1),
                NextAttemptAt = later,
            });
            await context.SaveChangesAsync();
        });

        using var response = await caller.GetAsync("/me/export/");
        Assert.That(response.StatusCode, Is.EqualTo(HttpStatusCode.OK), await response.Content.ReadAsStringAsync());
        return await response.JsonAsync();
    }

    // In each item, where there is a list, and there is one.
    private static bool Has(JsonNode export, string path)
    {
        var parts = path.Split("[]");
        if (parts.Length == 1)
        {
            return path.Split('.') is [var section, var field] && export[section]!.AsObject().ContainsKey(field);
        }

        var items = export[parts[0]]!.AsArray();
        return items.Count > 0 && (parts[1].Length == 0 || items.All(item => item!.AsObject().ContainsKey(parts[1][1..])));
    }
}
