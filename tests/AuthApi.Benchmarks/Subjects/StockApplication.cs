using System.Text.Json;
using System.Text.Json.Serialization;
using Microsoft.AspNetCore.DataProtection;
using Microsoft.AspNetCore.Identity;
using Microsoft.EntityFrameworkCore;

namespace AuthApi.Benchmarks.Subjects;

/// <summary>
/// What AuthApi is compared with: the same calls, with the cookie that ASP.NET Core Identity brings. It carries the whole
/// identity, encrypted, so <c>GET /me/</c> asks no store and <c>POST /logout/</c> writes nothing.
/// </summary>
/// <remarks>
/// As the framework sets it up. It does less around a call than AuthApi does: no problem details, no <c>no-store</c>, no
/// OpenAPI document. Nothing of AuthApi is loaded with it.
/// </remarks>
internal static class StockApplication
{
    public static async Task RunAsync(string[] args, string folder)
    {
        await using var app = Build<StockDbContext>(args, folder, AddDatabase);
        await CreateDatabaseAsync<StockDbContext>(app);
        await app.RunAsync();
    }

    /// <summary>The application with a context that <paramref name="configure"/> adds, and whatever else that does.</summary>
    public static WebApplication Build<TContext>(string[] args, string folder, Action<WebApplicationBuilder> configure)
        where TContext : DbContext
    {
        var builder = WebApplication.CreateBuilder(new WebApplicationOptions { Args = args, ContentRootPath = AppContext.BaseDirectory });

        builder.Services.AddIdentity<StockUser, IdentityRole<int>>().AddEntityFrameworkStores<TContext>();
        builder.Services.AddControllers().AddJsonOptions(options =>
            options.JsonSerializerOptions.Converters.Add(new JsonStringEnumConverter(JsonNamingPolicy.CamelCase)));

        // In this run's folder, so that nothing stays behind in the user's, and by a name that does not change with the program's place.
        builder.Services.AddDataProtection().SetApplicationName("stock").PersistKeysToFileSystem(Directory.CreateDirectory(Path.Combine(folder, "keys")));
        configure(builder);

        var app = builder.Build();
        app.UseAuthentication();
        app.UseAuthorization();
        app.MapControllers();
        return app;
    }

    public static void AddDatabase(WebApplicationBuilder builder) =>
        builder.Services.AddDbContext<StockDbContext>(options => options.UseSqlite(builder.Configuration.GetConnectionString("Auth")));

    public static async Task CreateDatabaseAsync<TContext>(WebApplication app)
        where TContext : DbContext
    {
        await using var scope = app.Services.CreateAsyncScope();
        await scope.ServiceProvider.GetRequiredService<TContext>().Database.EnsureCreatedAsync();
    }
}
