using AuthApi.Storage;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata;
using Microsoft.EntityFrameworkCore.Metadata.Builders;

namespace AuthApi.Factors;

/// <summary>The column of a user that has the latest time step of which a code of the authenticator app was accepted.</summary>
internal static class AuthenticatorStep
{
    public const string Column = "AuthenticatorStep";

    internal sealed class Configuration : IEntityTypeConfiguration<ApplicationUser>
    {
        // Only single statements write it: a user who was read before must not take it back when they are saved.
        public void Configure(EntityTypeBuilder<ApplicationUser> builder) =>
            builder.Property<long>(Column).HasDefaultValue(0L).Metadata.SetAfterSaveBehavior(PropertySaveBehavior.Ignore);
    }
}
