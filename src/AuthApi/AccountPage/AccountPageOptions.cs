namespace AuthApi.AccountPage;

/// <summary>The configuration section <c>AccountPage</c>.</summary>
public sealed class AccountPageOptions
{
    public const string Section = "AccountPage";

    /// <summary>Whether <c>/account/</c> is served, and <c>/</c> leads there; the default is yes in Development and no elsewhere.</summary>
    public bool? Enabled { get; set; }
}
