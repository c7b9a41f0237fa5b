namespace AuthApi.Administration;

/// <summary>What several calls of administration answer, in words.</summary>
internal static class AdministrationAnswers
{
    public const string Tag = "Administration";

    public const string Forbidden = "`forbidden`: the caller is no administrator. `reauthentication_required`: what changes something needs a recent authentication, by a factor where the caller's account has one.";

    public const string NoUser = "`not_found`: there is no account with this id.";

    public const string LastAdministrator = "`last_administrator`: nobody could administer any more.";

    public const string NotACursor = "This must be the next of the previous page, with the same filters.";
}
