using System.Net;
using System.Security.Claims;
using Microsoft.AspNetCore.Identity;
using Microsoft.AspNetCore.Identity.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;

namespace AuthApi.Sessions.Tests;

/// <summary>Users whose row has more than columns: an address that belongs to them, a complex value, a class of its own for some.</summary>
internal sealed class UserShapeTests
{
    private Application _application = null!;
    private Browser _browser = null!;

    [SetUp]
    public async Task SetUp()
    {
        _application = await Application.StartAsync();
        _browser = await _application.NewLoggedInBrowserAsync();
        Assert.That(await DisplayNameAsync(), Is.EqualTo("Ada, , "));
    }

    [TearDown]
    public async Task TearDown()
    {
        _browser.Dispose();
        await _application.DisposeAsync();
    }

    [Test]
    public async Task An_owned_value_is_seen_in_the_next_request()
    {
        await ChangeAsync(user => user.Address.City = "London");
        Assert.That(await DisplayNameAsync(), Is.EqualTo("Ada, London, "));

        await ChangeAsync(user => user.Address.City = "Paris");
        Assert.That(await DisplayNameAsync(), Is.EqualTo("Ada, Paris, "));
    }

    [Test]
    public async Task A_complex_value_is_seen_in_the_next_request()
    {
        await ChangeAsync(user => user.Title = new Title { Text = "Countess" });
        Assert.That(await DisplayNameAsync(), Is.EqualTo("Ada, , Countess"));

        await ChangeAsync(user => user.Title.Text = "Lady");
        Assert.That(await DisplayNameAsync(), Is.EqualTo("Ada, , Lady"));
    }

    [Test]
    public async Task A_user_of_a_derived_class_ends_like_others()
    {
        await _application.WithScopeAsync(async provider =>
        {
            var users = provider.GetRequiredService<UserManager<ShapedUser>>();
            await users.CreateAsync(new Teacher { UserName = "eve@example.com", Subject = "logic" }, Browser.Password);
        });
        using var eve = await _application.NewLogInAsync("eve@example.com");
        using var copy = eve.Copy();
        Assert.That(await copy.MeAsync(), Is.EqualTo(HttpStatusCode.OK));

        await _application.ChangeUserAsync((users, user) => users.UpdateSecurityStampAsync(user), "eve@example.com");

        Assert.That(await copy.MeAsync(), Is.EqualTo(HttpStatusCode.Unauthorized));
        Assert.That(await _browser.MeAsync(), Is.EqualTo(HttpStatusCode.OK));
    }

    private Task<int> ChangeAsync(Action<ShapedUser> change) => _application.QueryAsync(async context =>
    {
        change(await context.Users.SingleAsync());
        return await context.SaveChangesAsync();
    });

    private async Task<string?> DisplayNameAsync() => (string?)(await _browser.ReadMeAsync())["displayName"];

    internal sealed class Address
    {
        public string City { get; set; } = "";
    }

    internal sealed class Title
    {
        public string Text { get; set; } = "";
    }

    internal class ShapedUser : IdentityUser, IAppUser
    {
        public string DisplayName { get; set; } = "";

        public Address Address { get; set; } = new();

        public Title Title { get; set; } = new();
    }

    internal sealed class Teacher : ShapedUser
    {
        public string Subject { get; set; } = "";
    }

    internal sealed class ShapedDbContext(DbContextOptions<ShapedDbContext> options) : IdentityDbContext<ShapedUser>(options)
    {
        protected override void OnModelCreating(ModelBuilder builder)
        {
            base.OnModelCreating(builder);
            builder.Entity<ShapedUser>().OwnsOne(user => user.Address);
            builder.Entity<ShapedUser>().ComplexProperty(user => user.Title);
            builder.Entity<Teacher>();
            builder.AddServerSideSessions<ShapedUser>();
        }
    }

    private sealed class Claims(UserManager<ShapedUser> users, IOptions<IdentityOptions> options) : UserClaimsPrincipalFactory<ShapedUser>(users, options)
    {
        protected override async Task<ClaimsIdentity> GenerateClaimsAsync(ShapedUser user)
        {
            var identity = await base.GenerateClaimsAsync(user);
            identity.AddClaim(new Claim("display_name", $"{user.DisplayName}, {user.Address.City}, {user.Title.Text}"));
            return identity;
        }
    }

    private sealed class Application : StockApplication<ShapedUser, IdentityRole, ShapedDbContext>
    {
        private Application() : base(new AppSetup { Services = services => services.AddScoped<IUserClaimsPrincipalFactory<ShapedUser>, Claims>() })
        {
        }

        public static async Task<Application> StartAsync()
        {
            var application = new Application();
            await application.RunAsync();
            return application;
        }
    }
}
