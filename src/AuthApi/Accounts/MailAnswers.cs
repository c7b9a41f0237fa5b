namespace AuthApi.Accounts;

/// <summary>The document's words for answers that all calls that send mail have in common.</summary>
internal static class MailAnswers
{
    public const string Unavailable =
        "`mail_not_configured`: the server has no mail set up. `store_unavailable`: the store is out of reach. Try again after `Retry-After` seconds.";
}
