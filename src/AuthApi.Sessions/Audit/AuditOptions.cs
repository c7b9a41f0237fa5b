namespace AuthApi.Sessions;

/// <summary>How long events are kept. The configuration section <c>Audit</c>.</summary>
public sealed class AuditOptions
{
    /// <summary>The name of the configuration section.</summary>
    public const string Section = "Audit";

    /// <summary>How long events are kept, one to 36,500 days.</summary>
    public TimeSpan Retention { get; set; } = TimeSpan.FromDays(180);

    internal bool IsValid => Retention >= TimeSpan.FromDays(1) && Retention <= TimeSpan.FromDays(36_500);
}
