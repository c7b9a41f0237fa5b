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
        if (Retention < TimeSpan.FromDays(1))
        {
            yield return new ValidationResult($"{Section}:{nameof(Retention)} must be at least one day, not {Retention:c}.");
        }
    }
}
