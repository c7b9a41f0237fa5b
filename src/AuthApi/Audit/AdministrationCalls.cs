namespace AuthApi.Audit;

/// <summary>What the document says of every call of administration. A refused call is recognized by the tag.</summary>
internal static class AdministrationCalls
{
    public const string Tag = "Administration";

    public const string Forbidden = "`forbidden`: the caller is no administrator. `reauthentication_required`: what changes something needs a recent authentication, by a factor where the caller's account has one.";
}
