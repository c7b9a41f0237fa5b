namespace AuthApi.Storage;

/// <summary>A read that a room's requests do. The store is ready when each of them succeeds.</summary>
/// <param name="ReadAsync">Runs the statements that a request runs, so that it finds what a request would find.</param>
internal sealed record ReadinessProbe(Func<PreparedConnection, Task> ReadAsync);
