namespace AuthApi.Audit;

/// <summary>The events of administration. Each says who did it.</summary>
internal static class AdministrationEvent
{
    /// <summary>The account was disabled, and its sessions ended.</summary>
    public const string AccountDisabled = "AccountDisabled";

    /// <summary>The account was enabled again.</summary>
    public const string AccountEnabled = "AccountEnabled";

    /// <summary>The account's passkeys and second factors were removed, and its sessions ended.</summary>
    public const string FactorsReset = "FactorsReset";

    /// <summary>The account must set another password before it can sign in.</summary>
    public const string PasswordChangeRequired = "PasswordChangeRequired";

    /// <summary>The account got a role; the reason is its name.</summary>
    public const string RoleGranted = "RoleGranted";

    /// <summary>The account lost a role; the reason is its name.</summary>
    public const string RoleRemoved = "RoleRemoved";

    /// <summary>Sessions were ended: all of an account, or of everybody those that a filter matched; the reason is their number.</summary>
    public const string SessionsEnded = "SessionsEnded";

    /// <summary>A call of administration was refused: the reason is the code of the answer.</summary>
    public const string AdministrationRefused = "AdministrationRefused";

    /// <summary>Another call was refused for want of a right: the reason is the code of the answer.</summary>
    public const string AccessRefused = "AccessRefused";

    /// <summary>An administrator has listed accounts.</summary>
    public const string UsersRead = "UsersRead";

    /// <summary>An administrator has looked at an account; the reason is its id.</summary>
    public const string UserRead = "UserRead";

    /// <summary>An administrator has looked at the sessions of an account; the reason is its id.</summary>
    public const string UserSessionsRead = "UserSessionsRead";

    /// <summary>An administrator has listed everybody's sessions; the reason is the id of the account where only its were.</summary>
    public const string SessionsRead = "SessionsRead";

    /// <summary>An administrator has read everybody's events; the reason is the id of the account where only its were.</summary>
    public const string EventsRead = "EventsRead";
}
