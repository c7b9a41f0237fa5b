namespace AuthApi.Accounts;

/// <summary>The document's words for answers that calls with mail and codes have in common.</summary>
internal static class MailAnswers
{
    public const string InvalidCode =
        "`invalid_code`: the code is wrong, expired, used, superseded by a later one, void after five wrong ones, or of another account. `validation_failed`: a field is not valid (see `errors`). `malformed_json`: the body is not a JSON object.";

    public const string Unavailable =
        "`mail_not_configured`: the server has no mail set up. `store_unavailable`: the store is out of reach. Try again after `Retry-After` seconds.";
}
