using System.ComponentModel.DataAnnotations;

namespace AuthApi.Audit;

/// <summary>The configuration section <c>Audit</c>.</summary>
public sealed class AuditOptions : IValidatableObject
{
    public const string Section = "Audit";

    /// <summary>How long entries are kept.</summary>
    public TimeSpan Retention { get; set; } = TimeSpan.FromDays(180);

    public IEnumerable<ValidationResult> Validate(ValidationContext validationContext)
    {
        if (Retention < TimeSpan.FromDays(1) || Retention > TimeSpan.FromDays(36_500))
        {
            yield return new ValidationResult($"{Section}:{nameof(Retention)} must be between one and 36500 days, not {Retention:c}.");
        }
    }
}
