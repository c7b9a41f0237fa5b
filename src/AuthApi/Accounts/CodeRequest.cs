using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;

namespace AuthApi.Accounts;

/// <summary>
/// An address for which somebody asked for a code. It is stored whether or not there is such an account, and looked up after the answer: so neither the
/// answer nor its time shows whether there is.
/// </summary>
internal sealed class CodeRequest
{
    public required Guid Id { get; init; }

    /// <summary>What the code is for, one of <see cref="Codes.CodePurpose"/>.</summary>
    public required string Purpose { get; init; }

    public required string Email { get; init; }

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
