using AuthApi.Accounts;
using AuthApi.Audit;
using AuthApi.Hosting;
using AuthApi.Http;
using AuthApi.Observability;
using AuthApi.Security;
using AuthApi.Sessions;
using AuthApi.Storage;

// The settings lie beside the program, wherever it is started from.
var builder = WebApplication.CreateBuilder(new WebApplicationOptions { Args = args, ContentRootPath = AppContext.BaseDirectory });

builder.Services
    .AddHttpConventions()
    .AddSecurity()
    .AddStorage()
    .AddAudit()
    .AddSessions()
    .AddAccounts()
    .AddOpenApiDocument();

var app = builder.Build();

app.UseNoStore();
app.UseKnownProxies();
app.UseProblems();
app.UseHttpsOnly();
app.UseOpenApiDocument();
app.UseAuthentication();
app.UseAuthorization();
app.MapControllers();

return await app.RunAsync(prepare: StorageServices.PrepareStorageAsync);
