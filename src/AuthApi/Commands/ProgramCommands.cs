using System.CommandLine;

namespace AuthApi.Commands;

/// <summary>All commands of the program, in the order in which <c>--help</c> lists them.</summary>
internal static class ProgramCommands
{
    public static IEnumerable<Command> All =>
    [
        CreateAdminCommand.Create(),
        UserCommands.Create(),
        RoleCommands.Create(),
        SessionCommands.Create(),
        DoctorCommand.Create(),
        HealthCommand.Create(),
        .. StorageCommands.All,
        ConfigCommands.Create(),
    ];
}
