using System.Reflection;
using Microsoft.AspNetCore.Mvc.ApplicationParts;

namespace AuthApi.Api;

/// <summary>
/// The controllers that the rooms have named. By default MVC looks for them among all types of the assembly, and of each assembly that
/// references it: looking at a type loads what it is made of, and an application that adopts some rooms would get the calls of all.
/// </summary>
internal sealed class RoomControllers : ApplicationPart, IApplicationPartTypeProvider
{
    private readonly List<TypeInfo> _types = [];

    public override string Name => nameof(RoomControllers);

    public IEnumerable<TypeInfo> Types => _types;

    /// <summary>Adds a room's controllers to <paramref name="parts"/>.</summary>
    public static void Add(ApplicationPartManager parts, IEnumerable<Type> controllers)
    {
        if (parts.ApplicationParts.OfType<RoomControllers>().SingleOrDefault() is not { } named)
        {
            parts.ApplicationParts.Add(named = new RoomControllers());
        }

        // A room is registered after those that it uses, and its calls come before theirs, in the document too.
        named._types.InsertRange(0, controllers.Select(controller => controller.GetTypeInfo()).Except(named._types));
        foreach (var all in parts.ApplicationParts.OfType<AssemblyPart>().Where(part => part.Assembly == typeof(RoomControllers).Assembly).ToList())
        {
            parts.ApplicationParts.Remove(all);
        }
    }
}

/// <summary>Registers a room's controllers.</summary>
internal static class RoomControllersServices
{
    public static IServiceCollection AddRoomControllers(this IServiceCollection services, params IEnumerable<Type> controllers)
    {
        services.AddMvcCore().ConfigureApplicationPartManager(parts => RoomControllers.Add(parts, controllers));
        return services;
    }
}
