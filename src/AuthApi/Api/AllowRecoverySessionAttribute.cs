namespace AuthApi.Api;

/// <summary>Marks an action that a session of <c>POST /recovery/</c> may call. All others answer it 403 <c>recovery_session</c>.</summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class AllowRecoverySessionAttribute : Attribute;
