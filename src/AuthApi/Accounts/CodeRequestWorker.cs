using AuthApi.Codes;
using AuthApi.Mail;
using AuthApi.Sessions;
using AuthApi.Storage;
using Microsoft.EntityFrameworkCore;

namespace AuthApi.Accounts;

/// <summary>Looks up who asked for codes, and mails them, after those who asked have been answered.</summary>
internal sealed partial class CodeRequestWorker(
    IServiceScopeFactory scopes, AddedRows<CodeRequest> added, TimeProvider time, ILogger<CodeRequestWorker> logger) : BackgroundService
{
    private const int Batch = 50;

    // Requests that another process stored and did not get to.
    private static readonly TimeSpan MaxWait = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan Retry = TimeSpan.FromSeconds(5);

    private readonly LogThrottle _failed = new(time);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        await Task.Yield();
        while (!stoppingToken.IsCancellationRequested)
        {
            var wait = MaxWait;
            try
            {
                while (await ServeAsync(stoppingToken) == Batch)
                {
                }
            }
            catch (Exception exception) when (!stoppingToken.IsCancellationRequested)
            {
                wait = Retry;
                if (_failed.IsDue())
                {
                    Log.NotServed(logger, exception.Message);
                }
            }

            await added.WaitAsync(wait, stoppingToken);
        }
    }

    private async Task<int> ServeAsync(CancellationToken stoppingToken)
    {
        List<CodeRequest> requests;
        await using (var scope = scopes.CreateAsyncScope())
        {
            requests = await scope.ServiceProvider.GetRequiredService<AuthDbContext>().Set<CodeRequest>().AsNoTracking()
                .OrderBy(request => request.Id).Take(Batch).ToListAsync(stoppingToken);
        }

        foreach (var request in requests)
        {
            stoppingToken.ThrowIfCancellationRequested();
            await using var scope = scopes.CreateAsyncScope();
            await ServeAsync(scope.ServiceProvider, request);
        }

        return requests.Count;
    }

    // The request goes, and the code and its message come, in one transaction.
    private async Task ServeAsync(IServiceProvider services, CodeRequest request)
    {
        var context = services.GetRequiredService<AuthDbContext>();
        await using var transaction = await context.Database.BeginTransactionAsync();
        if (await context.Set<CodeRequest>().Where(stored => stored.Id == request.Id).ExecuteDeleteAsync() == 0)
        {
            return; // another process serves it
        }

        var users = services.GetRequiredService<ApplicationUserManager>();
        if (time.GetUtcNow() - request.At < OneTimeCodes.Lifetime
            && await users.FindByEmailAsync(request.Email) is { Email: { } email } user
            && !ApplicationUserManager.IsDisabled(user)
            && await services.GetRequiredService<OneTimeCodes>().IssueAsync(user, request.Purpose) is { } code)
        {
            services.GetRequiredService<MailQueue>().Add(email, services.GetRequiredService<MailTexts>().PasswordReset(email, code), user.Id, OneTimeCodes.Lifetime);
            await context.SaveChangesAsync();
        }

        await transaction.CommitAsync();
    }

    private static partial class Log
    {
        [LoggerMessage(1, LogLevel.Warning, "Codes that were asked for could not be made; it is tried again: {Message}")]
        public static partial void NotServed(ILogger logger, string message);
    }
}
