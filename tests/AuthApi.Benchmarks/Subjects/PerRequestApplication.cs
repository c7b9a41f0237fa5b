using System.Net;
using Npgsql;

namespace AuthApi.Benchmarks.Subjects;

/// <summary>
/// What the shared statements are compared with: bare Kestrel as <see cref="BareApplication"/>, that asks PostgreSQL in each request for itself. A request of a
/// session is one look-up by its key; a logout is one statement and one commit, which deletes the row and writes the event.
/// </summary>
internal sealed class PerRequestApplication(NpgsqlDataSource source)
{
    private const string Find = """SELECT "PrincipalVersion" FROM "UserSessions" WHERE "Key" = $1 AND "TokenHash" = $2""";

    private const string End =
        """
        WITH ended AS (DELETE FROM "UserSessions" WHERE "Key" = $1 AND "TokenHash" = $2 RETURNING "UserId", "Id"),
            logged AS (INSERT INTO "AuditEntries" ("At", "Event", "UserId", "SessionId") SELECT now(), 'SignedOut', "UserId", "Id" FROM ended)
        SELECT 1 FROM ended
        """;

    public static async Task RunAsync(string connectionString, Uri url)
    {
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore().ConfigureKestrel(options => options.Listen(IPEndPoint.Parse(url.Authority)));
        await using var app = builder.Build();
        await using var source = NpgsqlDataSource.Create(
            new NpgsqlConnectionStringBuilder(connectionString) { MaxAutoPrepare = 10, AutoPrepareMinUsages = 2, NoResetOnClose = true, MaxPoolSize = 40 });
        app.Run(new PerRequestApplication(source).AnswerAsync);
        await app.RunAsync();
    }

    private async Task AnswerAsync(HttpContext context)
    {
        if (BareApplication.TryReadToken(context.Request.Headers.Cookie, out var hash))
        {
            var isLogout = HttpMethods.IsPost(context.Request.Method);
            await using var command = source.CreateCommand(isLogout ? End : Find);
            command.Parameters.Add(new NpgsqlParameter<long> { TypedValue = hash.Prefix });
            command.Parameters.Add(new NpgsqlParameter<byte[]> { TypedValue = hash.ToArray() });
            if (await command.ExecuteScalarAsync() is not null)
            {
                await BareApplication.WriteAsync(context, isLogout ? BareApplication.LoggedOut : BareApplication.Me);
                return;
            }
        }

        context.Response.StatusCode = StatusCodes.Status401Unauthorized;
    }
}
