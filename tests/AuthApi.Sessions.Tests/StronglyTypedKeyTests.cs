using System.ComponentModel;
using System.Globalization;
using System.Net;
using Microsoft.AspNetCore.Identity;
using Microsoft.AspNetCore.Identity.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.ChangeTracking;
using Microsoft.EntityFrameworkCore.Storage.ValueConversion;
using Microsoft.EntityFrameworkCore.ValueGeneration;

namespace AuthApi.Sessions.Tests;

/// <summary>Users whose ids are of a type of the application's own, which EF Core converts and Identity reads from text.</summary>
internal sealed class StronglyTypedKeyTests
{
    [Test]
    public async Task Logouts_and_stamps_end_sessions_of_users_with_typed_ids()
    {
        await using var application = await Application.StartAsync();
        using var browser = await application.NewLoggedInBrowserAsync();
        using var copy = browser.Copy();
        Assert.That(await copy.MeAsync(), Is.EqualTo(HttpStatusCode.OK));
        using var logout = await browser.LogOutAsync();
        Assert.That(await copy.MeAsync(), Is.EqualTo(HttpStatusCode.Unauthorized));

        await browser.LogInAsync();
        await application.ChangeUserAsync((users, user) => users.UpdateSecurityStampAsync(user));
        Assert.That(await browser.MeAsync(), Is.EqualTo(HttpStatusCode.Unauthorized));
        var userId = await application.UserIdAsync();
        Assert.That(userId, Does.StartWith("user-"));
        Assert.That(
            await application.EventsAsync(userId),
            Is.EqualTo(new[] { AuditEvent.SignedIn, AuditEvent.SignedOut, AuditEvent.SignedIn, AuditEvent.SessionRevoked }));

        await browser.LogInAsync();
        await application.ChangeUserAsync((users, user) => users.DeleteAsync(user));
        Assert.That(await browser.MeAsync(), Is.EqualTo(HttpStatusCode.Unauthorized));
    }

    /// <summary>A number in the database, and "user-7" in text.</summary>
    [TypeConverter(typeof(UserIdConverter))]
    internal readonly record struct UserId(int Value)
    {
        public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"user-{Value}");
    }

    internal sealed class UserIdConverter : TypeConverter
    {
        public override bool CanConvertFrom(ITypeDescriptorContext? context, Type sourceType) => sourceType == typeof(string);

        public override object? ConvertFrom(ITypeDescriptorContext? context, CultureInfo? culture, object value) =>
            ((string)value).StartsWith("user-", StringComparison.Ordinal) && int.TryParse(((string)value)[5..], CultureInfo.InvariantCulture, out var number)
                ? new UserId(number)
                : throw new FormatException("It is no user's id.");

        public override object? ConvertTo(ITypeDescriptorContext? context, CultureInfo? culture, object? value, Type destinationType) => value?.ToString();
    }

    internal sealed class TypedDbContext(DbContextOptions<TypedDbContext> options) : IdentityDbContext<AppUser<UserId>, IdentityRole<UserId>, UserId>(options)
    {
        protected override void ConfigureConventions(ModelConfigurationBuilder configurationBuilder) =>
            configurationBuilder.Properties<UserId>().HaveConversion<ToNumber>();

        protected override void OnModelCreating(ModelBuilder builder)
        {
            base.OnModelCreating(builder);
            builder.Entity<AppUser<UserId>>().Property(user => user.Id).HasValueGenerator<NextUserId>();
            builder.AddServerSideSessions<AppUser<UserId>>();
        }

        private sealed class ToNumber() : ValueConverter<UserId, int>(id => id.Value, number => new UserId(number));
    }

    private sealed class NextUserId : ValueGenerator<UserId>
    {
        private static int _last = 6;

        public override bool GeneratesTemporaryValues => false;

        public override UserId Next(EntityEntry entry) => new(Interlocked.Increment(ref _last));
    }

    private sealed class Application : StockApplication<AppUser<UserId>, IdentityRole<UserId>, TypedDbContext>
    {
        private Application() : base(new AppSetup())
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
