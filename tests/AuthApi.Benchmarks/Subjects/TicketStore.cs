using System.ComponentModel.DataAnnotations.Schema;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Authentication.Cookies;
using Microsoft.EntityFrameworkCore;

namespace AuthApi.Benchmarks.Subjects;

/// <summary>A ticket store as it is usually written over EF Core: a context a call, and a row a session.</summary>
internal sealed class TicketStore(IServiceScopeFactory scopes) : ITicketStore
{
    public async Task<string> StoreAsync(AuthenticationTicket ticket)
    {
        await using var scope = scopes.CreateAsyncScope();
        var context = scope.ServiceProvider.GetRequiredService<TicketsDbContext>();
        var row = SessionTicket.From(ticket);
        context.Add(row);
        await context.SaveChangesAsync();
        return row.Id;
    }

    public async Task RenewAsync(string key, AuthenticationTicket ticket)
    {
        await using var scope = scopes.CreateAsyncScope();
        var context = scope.ServiceProvider.GetRequiredService<TicketsDbContext>();
        var value = TicketSerializer.Default.Serialize(ticket);
        var expiresAt = ticket.Properties.ExpiresUtc;
        await context.Tickets.Where(row => row.Id == key)
            .ExecuteUpdateAsync(update => update.SetProperty(row => row.Value, value).SetProperty(row => row.ExpiresAt, expiresAt));
    }

    public async Task<AuthenticationTicket?> RetrieveAsync(string key)
    {
        await using var scope = scopes.CreateAsyncScope();
        var context = scope.ServiceProvider.GetRequiredService<TicketsDbContext>();
        var row = await context.Tickets.AsNoTracking().SingleOrDefaultAsync(row => row.Id == key);
        return row is null ? null : TicketSerializer.Default.Deserialize(row.Value);
    }

    public async Task RemoveAsync(string key)
    {
        await using var scope = scopes.CreateAsyncScope();
        var context = scope.ServiceProvider.GetRequiredService<TicketsDbContext>();
        await context.Tickets.Where(row => row.Id == key).ExecuteDeleteAsync();
    }
}

[Table("SessionTickets")]
internal sealed class SessionTicket
{
    public required string Id { get; init; }

    public required byte[] Value { get; init; }

    public DateTimeOffset? ExpiresAt { get; init; }

    public static SessionTicket From(AuthenticationTicket ticket) => new()
    {
        Id = Guid.CreateVersion7().ToString(),
        Value = TicketSerializer.Default.Serialize(ticket),
        ExpiresAt = ticket.Properties.ExpiresUtc,
    };
}
