using System.ComponentModel.DataAnnotations;

namespace AuthApi.Passwords;

/// <summary>
/// The configuration section <c>Passwords:Hashing</c>: what an Argon2id hash costs. There is no setting for lanes: libsodium computes one.
/// </summary>
public sealed class PasswordHashingOptions : IValidatableObject
{
    public const string Section = AccountPasswordOptions.Section + ":Hashing";

    // The equally strong pairs of OWASP's Password Storage Cheat Sheet.
    private static readonly (int MemoryKiB, int Passes)[] Minimums = [(47_104, 1), (19_456, 2), (12_288, 3), (9_216, 4), (7_168, 5)];

    /// <summary>The memory that a hash takes while it is computed, in KiB.</summary>
    [Range(1, Argon2Hash.MaxMemoryKiB, ErrorMessage = Section + ":MemoryKiB must be at most 1048576, which is 1 GiB.")]
    public int MemoryKiB { get; set; } = 19_456;

    /// <summary>How often that memory is passed over.</summary>
    [Range(1, Argon2Hash.MaxPasses, ErrorMessage = Section + ":Passes must be between 1 and 100.")]
    public int Passes { get; set; } = 2;

    public IEnumerable<ValidationResult> Validate(ValidationContext validationContext)
    {
        if (!Minimums.Any(minimum => MemoryKiB >= minimum.MemoryKiB && Passes >= minimum.Passes))
        {
            yield return new ValidationResult(
                $"{Section}:MemoryKiB {MemoryKiB} with {Section}:Passes {Passes} is below OWASP's minimum for Argon2id. " +
                $"The minimums are {string.Join(", ", Minimums.Select(minimum => $"{minimum.MemoryKiB} KiB with {minimum.Passes}"))}.");
        }
    }
}
