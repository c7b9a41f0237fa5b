using System.Globalization;
using System.Security.Cryptography;
using AuthApi.Benchmarks.Traffic;
using AuthApi.Sessions;
using AuthApi.Storage;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Storage;

namespace AuthApi.Benchmarks.Subjects;

/// <summary>
/// Makes live sessions as a login would: the user, the session and the audit entry, in AuthApi's own schema, without the password
/// hash that takes most of a login's time.
/// </summary>
internal static class Seeding
{
    private const int SessionsPerUser = 10;

    /// <param name="folder">Where the database is created.</param>
    /// <param name="count">How many sessions.</param>
    /// <param name="program">The <c>AuthApi.dll</c> that creates the database; another version's has a schema of its own.</param>
    public static async Task<int> RunAsync(string folder, int count, string program)
    {
        var database = DataFolder.AuthApiDatabase(folder);
        if (File.Exists(database))
        {
            Console.Error.WriteLine($"{database} exists already. Name a folder without one.");
            return 1;
        }

        Directory.CreateDirectory(folder);
        using (await ServerProcess.StartAsync(ServerArguments.ForAuthApi(program, folder)))
        {
        }

        await using var tokens = File.CreateText(DataFolder.Tokens(folder));
        await SeedAsync($"Data Source={database}", tokens, count);
        return 0;
    }

    /// <summary>A user as registration makes one, without a password.</summary>
    internal static ApplicationUser NewUser(int id, DateTimeOffset now)
    {
        var email = $"{RandomNumberGenerator.GetHexString(12, lowercase: true)}@example.com";
        return new ApplicationUser
        {
            Id = id,
            Email = email,
            NormalizedEmail = email.ToUpperInvariant(),
            UserName = email,
            NormalizedUserName = email.ToUpperInvariant(),
            SecurityStamp = RandomNumberGenerator.GetHexString(32),
            CreatedAt = now,
        };
    }

    /// <summary>A session as a login starts one.</summary>
    internal static UserSession NewSession(int userId, SessionToken token, DateTimeOffset now, UserSessionOptions limits) => new()
    {
        Id = Guid.CreateVersion7(now),
        UserId = userId.ToString(CultureInfo.InvariantCulture),
        TokenHash = token.Hash,
        CreatedAt = now,
        LastSeenAt = now,
        IdleExpiresAt = now + limits.IdleTimeout,
        AbsoluteExpiresAt = now + limits.AbsoluteTimeout,
        AuthenticatedAt = now,
        AuthenticationMethods = ["pwd"],
        Transport = SessionTransport.Cookie,
        RememberMe = false,
        IpAddress = "127.0.0.1",
        UserAgent = HttpRequests.UserAgent,
    };

    private static async Task SeedAsync(string connectionString, StreamWriter tokens, int count)
    {
        var now = TimeProvider.System.GetUtcNow();
        var limits = new UserSessionOptions();
        await using var context = new AuthDbContext(new DbContextOptionsBuilder<AuthDbContext>().UseSqlite(connectionString).Options);
        await context.Database.OpenConnectionAsync();

        // No session is used before all are committed, so nothing needs to be durable on the way.
        await context.Database.ExecuteSqlRawAsync("PRAGMA synchronous=OFF; PRAGMA cache_size=-500000;");
        await using var transaction = await context.Database.BeginTransactionAsync();
        using var users = new BulkInsert<ApplicationUser>(context, transaction.GetDbTransaction());
        using var sessions = new BulkInsert<UserSession>(context, transaction.GetDbTransaction());
        using var entries = new BulkInsert<AuditEntry>(context, transaction.GetDbTransaction());
        for (var i = 0; i < count; i++)
        {
            var userId = 1 + (i / SessionsPerUser);
            if (i % SessionsPerUser == 0)
            {
                users.Insert(NewUser(userId, now));
            }

            var token = SessionToken.Create();
            var session = NewSession(userId, token, now, limits);
            sessions.Insert(session);
            entries.Insert(SignedIn(session));
            await tokens.WriteLineAsync(token.Reveal());
        }

        await transaction.CommitAsync();

        // The next process begins with an empty log, as after a checkpoint of its own.
        await context.Database.ExecuteSqlRawAsync("PRAGMA wal_checkpoint(TRUNCATE);");
    }

    private static AuditEntry SignedIn(UserSession session) => new()
    {
        At = session.CreatedAt,
        Event = AuditEvent.SignedIn,
        UserId = session.UserId,
        SessionId = session.Id,
        IpAddress = session.IpAddress,
        UserAgent = session.UserAgent,
    };
}
