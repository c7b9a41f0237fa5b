using System.Security.Claims;
using AuthApi.Sessions;
using AuthApi.Storage;
using Microsoft.AspNetCore.Identity;
using Microsoft.AspNetCore.Identity.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore;
using Sample;

var builder = WebApplication.CreateBuilder(args);
builder.Services.AddDbContext<IdentityDbContext>(options => options.UseSqlite("Data Source=stock.db"));
builder.Services.AddAuthorization();
builder.Services.AddProblemDetails();
builder.Services.AddAdoptedSessions();
builder.Services.AddIdentityCore<ApplicationUser>()
    .AddRoles<IdentityRole<int>>()
    .AddEntityFrameworkStores<AuthDbContext>()
    .AddUserManager<SessionEndingUserManager>()
    .AddApiEndpoints();

var app = builder.Build();
app.UseExceptionHandler();
app.UseAuthentication();
app.UseAuthorization();

await app.PrepareStorageAsync();
using (var scope = app.Services.CreateScope())
{
    scope.ServiceProvider.GetRequiredService<IdentityDbContext>().Database.EnsureCreated();
    await OldUsers.CopyAsync(scope.ServiceProvider);
}

app.MapIdentityApi<ApplicationUser>();
app.MapPost("/logout", async (SignInManager<ApplicationUser> signInManager) => await signInManager.SignOutAsync()).RequireAuthorization();
app.MapGet("/me", (ClaimsPrincipal user) => $"You are {user.Identity!.Name}.\n").RequireAuthorization();
app.MapControllers();
app.Run();
