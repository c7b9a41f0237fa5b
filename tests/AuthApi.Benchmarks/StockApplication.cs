using System.Text.Json;
using System.Text.Json.Serialization;
using AuthApi.Storage;
using Microsoft.AspNetCore.DataProtection;
using Microsoft.AspNetCore.Identity;
using Microsoft.AspNetCore.Identity.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore;

namespace AuthApi.Benchmarks;

/// <summary>
/// What AuthApi is compared with: the same calls, with the cookie that ASP.NET Core Identity brings. It carries the whole
/// identity, encrypted, so <c>GET /me/</c> asks no store and <c>POST /logout/</c> writes nothing.
/// </summary>
/// <remarks>
/// As the framework sets it up. It does less around a call than AuthApi does: no problem details, no <c>no-store</c>, no
/// OpenAPI document.
/// </remarks>
internal static class StockApplication
{
    public static async Task RunAsync(string[] args, string folder)
    {
        var builder = WebApplication.CreateBuilder(new WebApplicationOptions { Args = args, ContentRootPath = AppContext.BaseDirectory });

        builder.Services.AddDbContext<StockDbContext>(options => options.UseSqlite(builder.Configuration.GetConnectionString("Auth")));
        builder.Services.AddIdentity<ApplicationUser, IdentityRole<int>>().AddEntityFrameworkStores<StockDbContext>();
        builder.Services.AddControllers().AddJsonOptions(options =>
            options.JsonSerializerOptions.Converters.Add(new JsonStringEnumConverter(JsonNamingPolicy.CamelCase)));

        // In this run's folder, so that nothing stays behind in the user's.
        builder.Services.AddDataProtection().PersistKeysToFileSystem(Directory.CreateDirectory(Path.Combine(folder, "keys")));

        await using var app = builder.Build();
        app.UseAuthentication();
        app.UseAuthorization();
        app.MapControllers();

        await using (var scope = app.Services.CreateAsyncScope())
        {
            await scope.ServiceProvider.GetRequiredService<StockDbContext>().Database.EnsureCreatedAsync();
        }

        await app.RunAsync();
    }
}

/// <summary>Identity's own tables and nothing else.</summary>
internal sealed class StockDbContext(DbContextOptions<StockDbContext> options)
    : IdentityDbContext<ApplicationUser, IdentityRole<int>, int>(options);
