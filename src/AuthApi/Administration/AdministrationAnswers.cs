namespace AuthApi.Administration;

/// <summary>What several calls of administration answer, in words.</summary>
internal static class AdministrationAnswers
{
    public const string NoUser = "`not_found`: there is no account with this id.";

    public const string LastAdministrator = "`last_administrator`: nobody could administer any more.";

    public const string NotACursor = "This must be the next of the previous page, with the same filters.";
}
