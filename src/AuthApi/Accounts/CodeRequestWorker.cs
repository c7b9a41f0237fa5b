using AuthApi.Codes;
using AuthApi.Identity;
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

    // The commit wakes this worker before its request is answered; what it does for a known address would be in the time of the answer.
    private static readonly TimeSpan AfterAnswer = TimeSpan.FromMilliseconds(50);

    private readonly LogThrottle _failed = new(time);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        await Task.Yield();
        while (!stoppingToken.IsCancellationRequested)
        {
            var wait = MaxWait;
            try
            {
                var (served, failed) = await ServeAsync(stoppingToken);
                wait = failed > 0 ? Retry : served == Batch ? TimeSpan.Zero : MaxWait;
            }
            catch (Exception exception) when (!stoppingToken.IsCancellationRequested)
            {
                wait = Retry;
                Report(exception);
            }

            await added.WaitAsync(wait, stoppingToken);
            await Task.Delay(AfterAnswer, time, stoppingToken);
        }
    }

    private void Report(Exception exception)
    {
        if (_failed.IsDue())
        {
            Log.NotServed(logger, exception.Message);
        }
    }

    private async Task<(int Served, int Failed)> ServeAsync(CancellationToken stoppingToken)
    {
        List<CodeRequest> requests;
        var failed = 0;
        await using (var scope = scopes.CreateAsyncScope())
        {
            requests = await scope.ServiceProvider.GetRequiredService<AuthDbContext>().Set<CodeRequest>().AsNoTracking()
                .OrderBy(request => request.Id).Take(Batch).ToListAsync(stoppingToken);
        }

        foreach (var request in requests)
        {
            stoppingToken.ThrowIfCancellationRequested();
            await using var scope = scopes.CreateAsyncScope();
            try
            {
                await ServeAsync(scope.ServiceProvider, request);
            }
            catch (Exception exception)
            {
                // The others are served all the same.
                failed++;
                Report(exception);
            }
        }

        return (requests.Count, failed);
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

        if (time.GetUtcNow() - request.At < OneTimeCodes.Lifetime)
        {
            await ServeStoredAsync(services, request);
            await context.SaveChangesAsync();
        }

        await transaction.CommitAsync();
    }

    private static async Task ServeStoredAsync(IServiceProvider services, CodeRequest request)
    {
        var users = services.GetRequiredService<ApplicationUserManager>();
        var user = await users.FindByEmailAsync(request.Email);
        if (user is not null)
        {
            // A code is good with the stamp that the user has when it is made.
            var email = user.NormalizedEmail;
            user = await users.FindLockedAsync(user.Id);
            if (user?.NormalizedEmail != email)
            {
                throw new InvalidOperationException("The account was changed meanwhile.");
            }
        }

        switch (request.Purpose)
        {
            case CodeRequest.Registration when user is null:
                await CreateAsync(services, request);
                break;
            case CodeRequest.Registration when !ApplicationUserManager.IsDisabled(user):
                await OfferTakeOverAsync(services, user);
                break;
            case CodePurpose.PasswordReset when user is not null && !ApplicationUserManager.IsDisabled(user):
                await MailCodeAsync(services, user, CodePurpose.PasswordReset, texts => texts.PasswordReset);
                break;
            case CodePurpose.EmailConfirmation when user is { EmailConfirmed: false, PasswordHash: not null, IsRegisteredAgain: false } && !ApplicationUserManager.IsDisabled(user):
                await MailCodeAsync(services, user, CodePurpose.EmailConfirmation, texts => texts.EmailConfirmation);
                break;

            // A password that is set with a code confirms the address as well.
            case CodePurpose.EmailConfirmation when user is { EmailConfirmed: false } && !ApplicationUserManager.IsDisabled(user):
                await MailCodeAsync(services, user, CodePurpose.PasswordReset, texts => texts.PasswordReset);
                break;
        }
    }

    private static async Task CreateAsync(IServiceProvider services, CodeRequest request)
    {
        var users = services.GetRequiredService<ApplicationUserManager>();
        var user = new ApplicationUser
        {
            Email = request.Email,
            PasswordHash = request.PasswordHash,
            CreatedAt = request.At,

            // Taken meanwhile, it is left out.
            UserName = request.UserName is { } name && await users.FindByNameAsync(name) is null ? name : request.Email,
        };
        var created = await users.CreateAsync(user);
        if (!created.Succeeded)
        {
            throw new InvalidOperationException(string.Join(" ", created.Errors.Select(error => error.Code)));
        }

        await MailCodeAsync(services, user, CodePurpose.EmailConfirmation, texts => texts.EmailConfirmation);
    }

    // Of an account that was never confirmed it is not known whose it is. A second registration may be a stranger's, so nothing is taken away here: the code that the owner of the
    // address gets does that, when it sets a password. No other code confirms the address from now on, as that would also confirm the password that the account has.
    private static async Task OfferTakeOverAsync(IServiceProvider services, ApplicationUser user)
    {
        if (!user.EmailConfirmed)
        {
            user.IsRegisteredAgain = true;
            await services.GetRequiredService<OneTimeCodes>().DeleteAsync(user, CodePurpose.EmailConfirmation);
        }

        await MailCodeAsync(services, user, CodePurpose.PasswordReset, user.EmailConfirmed ? texts => texts.AccountExists : texts => texts.UnconfirmedAccountExists);
    }

    private static async Task MailCodeAsync(
        IServiceProvider services, ApplicationUser user, string purpose, Func<MailTexts, Func<string, string, MailContent>> words)
    {
        if (await services.GetRequiredService<OneTimeCodes>().IssueAsync(user, purpose) is { } code)
        {
            var content = words(services.GetRequiredService<MailTexts>())(user.Email!, code);
            services.GetRequiredService<MailQueue>().Add(user.Email!, content, user.Id, OneTimeCodes.Lifetime);
        }
    }

    private static partial class Log
    {
        [LoggerMessage(1, LogLevel.Warning, "Codes that were asked for could not be made; it is tried again: {Message}")]
        public static partial void NotServed(ILogger logger, string message);
    }
}
