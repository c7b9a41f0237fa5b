using System.Security.Claims;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Authentication.Cookies;
using Microsoft.AspNetCore.Identity;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Storage;
using Microsoft.Extensions.Options;

namespace AuthApi.Benchmarks.Subjects;

/// <summary>
/// The stock application with the framework's own answer to a logout that should end something: an <see cref="ITicketStore"/>. The
/// cookie holds a key, and the identity lies in a row that every request reads and the logout deletes.
/// </summary>
/// <remarks>
/// EF Core makes the file with a write-ahead log, which SQLite syncs at each commit (<c>synchronous=FULL</c>) by default,
/// so its logout is as durable as AuthApi's.
/// </remarks>
internal static class TicketsApplication
{
    // The claim by which the cookie handler carries the key; the framework keeps the name to itself.
    private const string SessionIdClaim = "Microsoft.AspNetCore.Authentication.Cookies-SessionId";

    public static async Task RunAsync(string[] args, string folder)
    {
        await using var app = StockApplication.Build<TicketsDbContext>(args, folder, AddTickets);
        await StockApplication.CreateDatabaseAsync<TicketsDbContext>(app);
        await app.RunAsync();
    }

    /// <summary>Makes sessions as a login does, each with a row and a cookie of its own, and lists their cookies.</summary>
    public static async Task<int> SeedAsync(string folder, int count)
    {
        string[] args = ["--ConnectionStrings:Auth", $"Data Source={DataFolder.TicketsDatabase(folder)}"];
        await using var app = StockApplication.Build<TicketsDbContext>(args, folder, AddTickets);
        await StockApplication.CreateDatabaseAsync<TicketsDbContext>(app);
        await using var scope = app.Services.CreateAsyncScope();
        var principal = await StockSeeding.CreatePrincipalAsync(scope.ServiceProvider);
        var cookieOptions = scope.ServiceProvider.GetRequiredService<IOptionsMonitor<CookieAuthenticationOptions>>().Get(IdentityConstants.ApplicationScheme);
        var now = scope.ServiceProvider.GetRequiredService<TimeProvider>().GetUtcNow();

        var context = scope.ServiceProvider.GetRequiredService<TicketsDbContext>();
        await using var transaction = await context.Database.BeginTransactionAsync();
        using var rows = new BulkInsert<SessionTicket>(context, transaction.GetDbTransaction());
        await using var cookies = File.CreateText(DataFolder.Cookies(folder));
        for (var made = 0; made < count; made++)
        {
            var properties = new AuthenticationProperties { IssuedUtc = now, ExpiresUtc = now + cookieOptions.ExpireTimeSpan };
            var row = SessionTicket.From(new AuthenticationTicket(principal, properties, IdentityConstants.ApplicationScheme));
            rows.Insert(row);
            var key = new ClaimsPrincipal(new ClaimsIdentity([new Claim(SessionIdClaim, row.Id)]));
            var cookie = cookieOptions.TicketDataFormat.Protect(new AuthenticationTicket(key, IdentityConstants.ApplicationScheme));
            await cookies.WriteLineAsync($"{cookieOptions.Cookie.Name}={cookie}");
        }

        await transaction.CommitAsync();
        return 0;
    }

    private static void AddTickets(WebApplicationBuilder builder)
    {
        builder.Services.AddDbContextPool<TicketsDbContext>(options => options.UseSqlite(builder.Configuration.GetConnectionString("Auth")));
        builder.Services.AddSingleton<ITicketStore, TicketStore>();
        builder.Services.AddOptions<CookieAuthenticationOptions>(IdentityConstants.ApplicationScheme)
            .Configure<ITicketStore>((options, store) => options.SessionStore = store);
    }
}
