using System.Globalization;
using AuthApi.AccountPage;
using AuthApi.Accounts;
using AuthApi.Administration;
using AuthApi.Api;
using AuthApi.Audit;
using AuthApi.Codes;
using AuthApi.Commands;
using AuthApi.Factors;
using AuthApi.Identity;
using AuthApi.Mail;
using AuthApi.OpenApi;
using AuthApi.Passkeys;
using AuthApi.Passwords;
using AuthApi.Security;
using AuthApi.Startup;
using AuthApi.Storage;
using AuthApi.Telemetry;
using AuthApi.TwoFactor;

// Numbers, times and messages are the same whatever the language of the machine.
CultureInfo.DefaultThreadCurrentCulture = CultureInfo.DefaultThreadCurrentUICulture = CultureInfo.InvariantCulture;

var commandLine = new CommandLine(ProgramCommands.All);

return await commandLine.RunAsync(args, Build, ServeAsync);

static WebApplication Build(string[] settings)
{
    // appsettings.json lies beside the program, which may be started from anywhere.
    var builder = WebApplication.CreateBuilder(new WebApplicationOptions { Args = settings, ContentRootPath = AppContext.BaseDirectory });

    builder.Services
        .AddStartup()
        .AddApi()
        .AddSecurity()
        .AddStorage()
        .AddKeyRing(builder.Configuration)
        .AddServerSideSessions<AuthDbContext>(sessions => sessions.UseDatabase(builder.Configuration).AddControllers().AddHealthCheck())
        .AddSessionSettings()
        .AddAudit()
        .AddMail()
        .AddCodes()
        .AddPasswords()
        .AddFactors()
        .AddAccountIdentity()
        .AddAccounts()
        .AddAdministration()
        .AddCommands()
        .AddTwoFactor()
        .AddPasskeys()
        .AddAccountPage(builder.Environment)
        .AddTelemetry(builder.Configuration)
        .AddOpenApi(builder.Configuration, builder.Environment);

    return builder.Build();
}

static async Task ServeAsync(WebApplication app)
{
    app.UseHeaderRelease();
    app.UseSecurityHeaders();
    app.UseKnownProxies();
    app.UsePathPrefix();
    app.UseProblems();
    app.UseAllowedOrigins();
    app.UseMessageFraming();
    app.UseHeaderLimit();

    // Probes are answered here, before the rules for clients.
    app.UseRouting();
    app.UseMetrics();
    app.UseRequestLimit();
    app.UseAllowedHosts();
    app.UseHttpsOnly();
    app.UseRecordOfRefusedCalls();
    app.UseCrossSiteGuard();
    app.UseAccountPage();
    app.UseAuthentication();
    app.UseRateLimiter();
    app.UseStartPage();
    app.UseOpenApi();
    app.UseAuthorization();
    app.MapControllers();
    app.MapHealth();

    app.ValidateConfiguration();
    await app.PrepareStorageAsync();
}
