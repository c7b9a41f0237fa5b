using System.Security.Claims;
using Microsoft.AspNetCore.Identity;
using Microsoft.AspNetCore.Identity.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Options;

namespace AuthApi.Sessions.Tests;

/// <summary>What tests set of a user, whatever the type of its key.</summary>
internal interface IAppUser
{
    string? UserName { get; set; }

    string? Email { get; set; }

    string DisplayName { get; set; }
}

/// <summary>The user of a stock application with a column of its own, and string ids.</summary>
internal sealed class AppUser : IdentityUser, IAppUser
{
    public string DisplayName { get; set; } = "";
}

/// <summary>The same with ids of another type.</summary>
internal sealed class AppUser<TKey> : IdentityUser<TKey>, IAppUser
    where TKey : IEquatable<TKey>
{
    // As IdentityUser's constructor does for string ids.
    public AppUser()
    {
        SecurityStamp = Guid.CreateVersion7().ToString();
        if (this is IdentityUser<string> user)
        {
            user.Id = Guid.CreateVersion7().ToString();
        }
    }

    public string DisplayName { get; set; } = "";
}

/// <summary>The context of a stock application, with the one line that sessions need.</summary>
internal sealed class AppDbContext(DbContextOptions<AppDbContext> options) : IdentityDbContext<AppUser>(options)
{
    protected override void OnModelCreating(ModelBuilder builder)
    {
        base.OnModelCreating(builder);
        builder.AddServerSideSessions<AppUser>();
    }
}

/// <summary>The same with ids of another type.</summary>
internal sealed class AppDbContext<TKey>(DbContextOptions<AppDbContext<TKey>> options) : IdentityDbContext<AppUser<TKey>, IdentityRole<TKey>, TKey>(options)
    where TKey : IEquatable<TKey>
{
    protected override void OnModelCreating(ModelBuilder builder)
    {
        base.OnModelCreating(builder);
        builder.AddServerSideSessions<AppUser<TKey>>();
    }
}

/// <summary>Puts the column of the application's own into the principal.</summary>
internal sealed class AppClaimsFactory<TUser, TRole>(UserManager<TUser> users, RoleManager<TRole> roles, IOptions<IdentityOptions> options)
    : UserClaimsPrincipalFactory<TUser, TRole>(users, roles, options)
    where TUser : class, IAppUser
    where TRole : class
{
    public const string DisplayName = "display_name";

    protected override async Task<ClaimsIdentity> GenerateClaimsAsync(TUser user)
    {
        var identity = await base.GenerateClaimsAsync(user);
        identity.AddClaim(new Claim(DisplayName, user.DisplayName));
        return identity;
    }
}
