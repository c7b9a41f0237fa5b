using System.Security.Cryptography;
using AuthApi.Accounts;
using AuthApi.Audit;
using AuthApi.Sessions;
using AuthApi.Storage;
using Microsoft.Extensions.Options;

namespace AuthApi.Benchmarks;

/// <summary>
/// Makes live sessions as a login would, through AuthApi's own store, without the password hash that makes each login
/// cost a tenth of a second.
/// </summary>
internal static class Seeding
{
    private const int SessionsPerUser = 10;
    private const int Chunk = 10_000;

    public static async Task<int> RunAsync(string folder, int count)
    {
        var builder = WebApplication.CreateBuilder(new WebApplicationOptions
        {
            Args = ["--ConnectionStrings:Auth", $"Data Source={DataFolder.AuthApiDatabase(folder)}"],
            ContentRootPath = AppContext.BaseDirectory,
        });
        builder.Services.AddStorage().AddAudit().AddSessions().AddAccounts();
        await using var app = builder.Build();
        await app.PrepareStorageAsync();

        // The one writer is all that the store needs of the host; nothing is served here.
        var writer = app.Services.GetRequiredService<GroupCommit>();
        await writer.StartAsync(CancellationToken.None);
        await using (var tokens = File.CreateText(DataFolder.Tokens(folder)))
        {
            for (var made = 0; made < count; made += Chunk)
            {
                await SeedAsync(app.Services, tokens, Math.Min(Chunk, count - made));
            }
        }

        await writer.StopAsync(CancellationToken.None);
        return 0;
    }

    private static async Task SeedAsync(IServiceProvider services, StreamWriter tokens, int count)
    {
        var now = services.GetRequiredService<TimeProvider>().GetUtcNow();
        var store = services.GetRequiredService<IUserSessionStore>();
        var limits = services.GetRequiredService<IOptions<UserSessionOptions>>().Value;
        var users = await AddUsersAsync(services, (count + SessionsPerUser - 1) / SessionsPerUser, now);
        var starts = new List<Task>(count);
        for (var i = 0; i < count; i++)
        {
            var token = SessionToken.Create();
            var session = NewSession(users[i / SessionsPerUser].Id, token, now, limits);
            starts.Add(store.StartAsync(session, new SessionStart(Replaces: null, limits.MaxPerUser, other => other.LastSeenAt), SignedIn(session)));
            await tokens.WriteLineAsync(token.Reveal());
        }

        // All at once, so that the store commits them in batches.
        await Task.WhenAll(starts);
    }

    private static async Task<List<ApplicationUser>> AddUsersAsync(IServiceProvider services, int count, DateTimeOffset now)
    {
        await using var scope = services.CreateAsyncScope();
        var context = scope.ServiceProvider.GetRequiredService<AuthDbContext>();
        var users = Enumerable.Range(0, count).Select(_ => NewUser(now)).ToList();
        context.AddRange(users);
        await context.SaveChangesAsync();
        return users;
    }

    private static ApplicationUser NewUser(DateTimeOffset now)
    {
        var email = $"{RandomNumberGenerator.GetHexString(12, lowercase: true)}@example.com";
        return new ApplicationUser
        {
            Email = email,
            NormalizedEmail = email.ToUpperInvariant(),
            UserName = email,
            NormalizedUserName = email.ToUpperInvariant(),
            SecurityStamp = RandomNumberGenerator.GetHexString(32),
            CreatedAt = now,
        };
    }

    private static UserSession NewSession(int userId, SessionToken token, DateTimeOffset now, UserSessionOptions limits) => new()
    {
        Id = Guid.CreateVersion7(now),
        UserId = userId,
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
