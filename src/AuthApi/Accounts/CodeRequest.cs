using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;

namespace AuthApi.Accounts;

/// <summary>
/// An address for which somebody asked for a code, or registered where addresses must be confirmed. It is stored whether or not there is such an account, and looked up after the answer: so neither the
/// answer nor its time shows whether there is.
/// </summary>
internal sealed class CodeRequest
{
    /// <summary>The purpose of a registration, which becomes an account and a code to confirm it, or a code for the owner of the account that is there.</summary>
    public const string Registration = "Registration";

    public required Guid Id { get; init; }

    /// <summary>What the code is for, one of <see cref="Codes.CodePurpose"/>, or <see cref="Registration"/>.</summary>
    public required string Purpose { get; init; }

    public required string Email { get; init; }

    /// <summary>The name that was registered with it, where <see cref="Purpose"/> is <see cref="Registration"/>.</summary>
    public string? UserName { get; init; }

    /// <summary>The hash of the password that was registered with it.</summary>
    public string? PasswordHash { get; init; }

    public required DateTimeOffset At { get; init; }

    internal sealed class Configuration : IEntityTypeConfiguration<CodeRequest>
    {
        public void Configure(EntityTypeBuilder<CodeRequest> builder)
        {
            builder.ToTable("CodeRequests");
            builder.Property(request => request.Id).ValueGeneratedNever();
        }
    }
}
