using AuthApi.Storage;
using Microsoft.AspNetCore.Identity;
using Microsoft.AspNetCore.Identity.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore;

namespace AuthApi.Accounts;

/// <summary>
/// Identity's store of users, which takes its database context when it first needs it. <c>SignInManager</c> has a store made for whatever it is to
/// do, and signing out needs none.
/// </summary>
internal sealed class ApplicationUserStore(IServiceProvider services, IdentityErrorDescriber errors)
    : UserStore<ApplicationUser, IdentityRole<int>, AuthDbContext, int>(Unused, errors)
{
    // For the base, which must be given one. It is never opened.
    private static readonly AuthDbContext Unused = new(new DbContextOptions<AuthDbContext>());

    private AuthDbContext? _context;

    public override AuthDbContext Context => _context ??= services.GetRequiredService<AuthDbContext>();
}
