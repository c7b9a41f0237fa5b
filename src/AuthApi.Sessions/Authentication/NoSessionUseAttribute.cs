namespace AuthApi.Sessions;

/// <summary>Marks a call that is no use of its session: a page that polls it does not keep the session alive.</summary>
[AttributeUsage(AttributeTargets.Class | AttributeTargets.Method)]
public sealed class NoSessionUseAttribute : Attribute;
