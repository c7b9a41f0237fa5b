using Microsoft.AspNetCore.Identity;
using Microsoft.AspNetCore.Identity.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore;

namespace AuthApi.Benchmarks.Subjects;

public sealed class StockUser : IdentityUser<int>
{
    public DateTimeOffset CreatedAt { get; init; }
}

/// <summary>Identity's own tables and nothing else.</summary>
internal sealed class StockDbContext(DbContextOptions<StockDbContext> options) : IdentityDbContext<StockUser, IdentityRole<int>, int>(options);

/// <summary>Identity's tables, and the tickets beside them.</summary>
internal sealed class TicketsDbContext(DbContextOptions<TicketsDbContext> options) : IdentityDbContext<StockUser, IdentityRole<int>, int>(options)
{
    public DbSet<SessionTicket> Tickets => Set<SessionTicket>();
}
