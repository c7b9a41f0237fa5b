using AuthApi.Startup;
using AuthApi.Storage;
using Microsoft.AspNetCore.Identity;
using Microsoft.Extensions.Options;

namespace AuthApi.Mail;

/// <summary>Registers the queue of messages and what sends them.</summary>
public static class MailServices
{
    public static IServiceCollection AddMail(this IServiceCollection services)
    {
        services.AddValidatedOptions<EmailOptions>(EmailOptions.Section);
        services.AddValidatedOptions<SmtpOptions>(SmtpOptions.Section).Validate<IOptions<EmailOptions>>(
            (smtp, email) => string.IsNullOrEmpty(smtp.Host) || email.Value.From != new EmailOptions().From,
            $"{EmailOptions.Section}:From must be set where {SmtpOptions.Section}:Host is: an address that the mail server may send for.");
        services.AddValidatedOptions<PublicUrlOptions>(PublicUrlOptions.Section);
        services.AddSingleton(new KnownKeys(EmailOptions.Section, ["Smtp"], []));

        services.AddSingleton<MailTexts>();
        services.AddSingleton<MailDelivery>();
        services.AddSingleton<MailMetrics>();
        services.AddScoped<MailQueue>();
        services.AddScoped<IEmailSender<ApplicationUser>, IdentityEmailSender>();

        services.AddSingleton<AddedRows<MailMessage>>();
        services.ConfigureDbContext<AuthDbContext>((provider, options) => options.AddInterceptors(provider.GetRequiredService<AddedRows<MailMessage>>()));
        services.AddHostedService<MailSender>();
        return services;
    }
}
