namespace AuthApi.Startup;

/// <summary>A command that is not done, for this reason: one line.</summary>
internal sealed class CommandException(string reason) : Exception(reason);
