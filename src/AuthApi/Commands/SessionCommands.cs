using System.CommandLine;
using System.ComponentModel.DataAnnotations;
using System.Globalization;
using AuthApi.Administration;
using AuthApi.Audit;
using AuthApi.Sessions;
using AuthApi.Startup;

namespace AuthApi.Commands;

/// <summary>The commands <c>sessions …</c>: everybody's live sessions, by the same filters as the API's.</summary>
internal static class SessionCommands
{
    private static readonly Option<string?> User = new("--user") { Description = "Those of this account: its id, address or user name." };
    private static readonly Option<string?> IpAddress = new("--ip-address") { Description = "Those from this address, or a network such as 203.0.113.0/24." };
    private static readonly Option<string?> Device = new("--device") { Description = "Those whose User-Agent has this text in it." };
    private static readonly Option<DateTimeOffset?> CreatedBefore = new("--created-before") { Description = "Those that began before this time, such as 2026-03-01T12:00:00Z." };
    private static readonly Option<DateTimeOffset?> LastSeenBefore = new("--last-seen-before") { Description = "Those that were last used before this time." };
    private static readonly Option<bool> Everybody = new("--all") { Description = "All sessions of everybody." };
    private static readonly Option<string?> After = new("--after") { Description = "The next of the previous page, with the same filters." };
    private static readonly Option<int> Limit = new("--limit") { Description = "The maximum number of sessions, 1 to 1000.", DefaultValueFactory = _ => 100 };

    private static Option[] Filters => [User, IpAddress, Device, CreatedBefore, LastSeenBefore];

    public static Command Create()
    {
        var list = new ProgramCommand("list", "List live sessions: all, or those that the filters select.", ListAsync)
        {
            Example = "sessions list --user ada@example.com",
            Options = { After, Limit },
            IsForServer = true,
            NeedsStore = true,
        };
        var revoke = new ProgramCommand("revoke", "End the sessions that the filters select, or all of them with --all.", RevokeAsync)
        {
            Example = "sessions revoke --ip-address 203.0.113.0/24 --yes",
            Options = { Everybody, ProgramCommand.Yes },
            IsForServer = true,
            NeedsStore = true,
        };
        foreach (var filter in Filters)
        {
            list.Options.Add(filter);
            revoke.Options.Add(filter);
        }

        return new Command("sessions", "See who is signed in, and end it.") { list, revoke };
    }

    private static async Task<int> ListAsync(CommandCall call)
    {
        var limit = call.Arguments.GetValue(Limit);
        if (limit is < 1 or > 1_000)
        {
            throw new CommandException("--limit must be between 1 and 1000.");
        }

        var filter = await FilterAsync(call);
        if (await call.Services.GetRequiredService<SessionAdministration>().ReadAsync(filter, call.Arguments.GetValue(After), limit) is not { } page)
        {
            throw new CommandException($"--after: {AdministrationAnswers.NotACursor}");
        }

        await call.Services.GetRequiredService<BoundedEvents>().RecordCommandReadAsync(AdministrationEvent.SessionsRead, filter.UserId);
        var items = page.Items.Select(item => EverybodysSession.From(item, current: null)).ToList();
        var lines = items.Select(item => $"{item.Id}  user {item.UserId}  {item.LastSeenAt:yyyy-MM-ddTHH:mm:ssZ}  {item.LastIpAddress ?? "-"}  {item.LastDevice ?? "-"}");
        await call.PrintAsync(
            new EverybodysSessionsResponse(items, page.Next, page.Total),
            string.Join(Environment.NewLine, [.. lines, string.Create(CultureInfo.InvariantCulture, $"{page.Total} sessions."), page.Next is null ? "" : $"More: --after {page.Next}"]).TrimEnd());
        return CommandExit.Done;
    }

    private static async Task<int> RevokeAsync(CommandCall call)
    {
        var filter = await FilterAsync(call);
        if (filter.IsEmpty != call.Arguments.GetValue(Everybody))
        {
            throw new CommandException(filter.IsEmpty ? "say which sessions by a filter, or --all." : "--all and a filter exclude each other.");
        }

        var sessions = call.Services.GetRequiredService<SessionAdministration>();
        var (_, _, total) = (await sessions.ReadAsync(filter, after: null, limit: 1))!.Value;
        await call.ConfirmAsync(string.Create(CultureInfo.InvariantCulture, $"{total} {(total == 1 ? "session" : "sessions")} {(filter.IsEmpty ? "of everybody " : "")}will be ended."));
        var cause = new SessionEnd(AuditEvent.SessionRevoked, AdministrationLog.CommandLine, Reason: SessionAdministration.EndReason);
        var ended = 0;
        try
        {
            await sessions.EndAsync(filter, cause, onEnded: count => ended += count, cancellationToken: call.Cancelled);
        }
        catch (Exception exception) when (ended > 0 || call.Cancelled.IsCancellationRequested)
        {
            await RecordAsync();
            var reason = call.Cancelled.IsCancellationRequested ? "" : $" ({exception.Message.ReplaceLineEndings(" ").TrimEnd('.')})";
            throw new CommandException(string.Create(CultureInfo.InvariantCulture, $"stopped before it was done{reason}. {ended} sessions have ended, and stay ended; run it again for the others."));
        }

        await RecordAsync();

        await call.PrintAsync(new EndedSessionsResponse(ended), string.Create(CultureInfo.InvariantCulture, $"{ended} sessions have ended."));
        return CommandExit.Done;

        async Task RecordAsync()
        {
            await using var scope = call.Services.CreateAsyncScope();
            await scope.ServiceProvider.GetRequiredService<AccountAdministration>().RecordEndedSessionsAsync(filter.UserId, ended);
        }
    }

    private static async Task<SessionFilter> FilterAsync(CommandCall call)
    {
        await using var scope = call.Services.CreateAsyncScope();
        var filter = new SessionFilter
        {
            UserId = call.Arguments.GetValue(User) is { } user ? (await UserCommands.FindAsync(scope.ServiceProvider, user)).Id : null,
            IpAddress = call.Arguments.GetValue(IpAddress),
            Device = call.Arguments.GetValue(Device),
            CreatedBefore = call.Arguments.GetValue(CreatedBefore),
            LastSeenBefore = call.Arguments.GetValue(LastSeenBefore),
        };
        var errors = new List<ValidationResult>();
        if (filter.IpAddress is "" || filter.Device is "" || !Validator.TryValidateObject(filter, new ValidationContext(filter), errors, validateAllProperties: true))
        {
            throw new CommandException($"a filter is not valid: {errors.FirstOrDefault()?.ErrorMessage ?? "it is empty."}");
        }

        return filter;
    }
}
