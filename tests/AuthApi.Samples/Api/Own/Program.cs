using System.Security.Claims;
using Microsoft.AspNetCore.Identity;
using Microsoft.AspNetCore.Identity.EntityFrameworkCore;
using Microsoft.AspNetCore.Mvc;
using Microsoft.EntityFrameworkCore;

var builder = WebApplication.CreateBuilder(args);
builder.Services.AddDbContext<ShopDb>(options => options.UseSqlite("Data Source=shop.db"));
builder.Services.AddAuthorization();
builder.Services.AddIdentityApiEndpoints<Customer>().AddRoles<IdentityRole<Guid>>().AddEntityFrameworkStores<ShopDb>();

var app = builder.Build();
using (var scope = app.Services.CreateScope())
{
    scope.ServiceProvider.GetRequiredService<ShopDb>().Database.Migrate();
}

app.MapIdentityApi<Customer>();
app.MapPost("/logout", async (SignInManager<Customer> signInManager, [FromBody] object empty) =>
{
    if (empty != null)
    {
        await signInManager.SignOutAsync();
        return Results.Ok();
    }

    return Results.Unauthorized();
}).RequireAuthorization();
app.MapGet("/me", (ClaimsPrincipal user) => $"You are {user.Identity!.Name}.").RequireAuthorization();
app.MapAdministration<Customer, IdentityRole<Guid>>();
app.Run();

public class Customer : IdentityUser<Guid>
{
    public int Points { get; set; }
}

public class ShopDb(DbContextOptions<ShopDb> options) : IdentityDbContext<Customer, IdentityRole<Guid>, Guid>(options)
{
    protected override void OnModelCreating(ModelBuilder builder)
    {
        base.OnModelCreating(builder);
        builder.Entity<Customer>().ToTable("Customers");
    }
}
