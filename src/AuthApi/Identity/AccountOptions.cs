using AuthApi.Mail;

namespace AuthApi.Identity;

/// <summary>The configuration section <c>Accounts</c>, beside <see cref="PublicUrlOptions"/>.</summary>
public sealed class AccountOptions
{
    public const string Section = PublicUrlOptions.Section;

    /// <summary>Whether an account can log in only after its address was confirmed. A registration then tells nobody whether the address is known.</summary>
    public bool RequireConfirmedEmail { get; set; }

    /// <summary>Whether the owner of an account is notified by mail of a sign-in from a device and network that is new to the account.</summary>
    public bool NotifyNewDevices { get; set; } = true;
}
