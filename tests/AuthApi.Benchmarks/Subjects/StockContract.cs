namespace AuthApi.Benchmarks.Subjects;

// AuthApi's contract, so that both write the same JSON. Not AuthApi's own records: the stock application must not load AuthApi.

public sealed record StockCredentials(string Email, string Password, bool RememberMe);

public sealed record StockUserResponse(int Id, string Email, string UserName)
{
    internal static StockUserResponse From(StockUser user) => new(user.Id, user.Email!, user.UserName!);
}

public sealed record StockLogoutResponse(string Message);

public sealed record StockMeResponse(
    int Id, string Email, bool EmailConfirmed, string UserName, IReadOnlyList<string> Roles, bool TwoFactorEnabled, StockSessionResponse Session);

public sealed record StockSessionResponse(
    string Id,
    bool Current,
    DateTimeOffset CreatedAt,
    DateTimeOffset LastSeenAt,
    DateTimeOffset ExpiresAt,
    string? IpAddress,
    string? UserAgent,
    string? Device,
    StockTransport Transport,
    IReadOnlyList<string> AuthenticationMethods);

public enum StockTransport
{
    Cookie,
    Header,
}
