namespace AuthApi.Sessions;

/// <summary>
/// Marks a call that logs out: its 401 removes the session cookie too. No other 401 does, since an older request may be answered after
/// a login has set another token, and a server cannot remove one value only.
/// </summary>
[AttributeUsage(AttributeTargets.Class | AttributeTargets.Method)]
public sealed class RemovesDeadCookieAttribute : Attribute;
