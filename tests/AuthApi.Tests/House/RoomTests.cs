using System.Text.RegularExpressions;

namespace AuthApi.Tests.House;

/// <summary>The rules of the house: which room may use which, and that each mirrors its tests.</summary>
internal sealed partial class RoomTests
{
    private static readonly string Source = Path.Combine(Repository.Root, "src", "AuthApi");

    // Arrows point down this list: a room uses what stands beside it, and what is not here uses nothing.
    private static readonly Dictionary<string, string[]> MayUse = new(StringComparer.Ordinal)
    {
        ["Accounts"] = ["Sessions", "Audit", "Security", "Storage", "Api", "Startup"],
        ["Sessions"] = ["Audit", "Security", "Storage", "Api", "Startup"],
        ["Audit"] = ["Security", "Storage", "Api", "Startup"],
        ["Storage"] = ["Api", "Startup"],
        ["Security"] = ["Api", "Startup"],
        ["OpenApi"] = ["Security", "Api", "Startup"],
        ["Telemetry"] = ["Api", "Startup"],
        ["Api"] = ["Startup"],
        ["Startup"] = [],
    };

    public static IEnumerable<string> Rooms => MayUse.Keys;

    [Test]
    public void EveryFolderIsARoom()
    {
        var folders = Directory.GetDirectories(Source).Select(Path.GetFileName).Except(["bin", "obj", "Properties"]);

        Assert.That(folders, Is.EquivalentTo(MayUse.Keys));
    }

    [Test]
    public void ArrowsBetweenRoomsPointDown()
    {
        var broken = MayUse.Keys
            .SelectMany(room => Directory.GetFiles(Path.Combine(Source, room), "*.cs", SearchOption.AllDirectories)
                .SelectMany(file => BrokenArrows(room, File.ReadAllText(file))
                    .Select(used => $"{Path.GetRelativePath(Repository.Root, file)}: {room} must not use {used}")));

        Assert.That(broken, Is.Empty);
    }

    [TestCase("Storage", "using AuthApi.Sessions;", "Sessions")]
    [TestCase("Storage", "AuthApi.Sessions.UserSession? session = null;", "Sessions")]
    [TestCase("Storage", "Sessions.UserSession? session = null;", "Sessions")]
    [TestCase("Sessions", "using static AuthApi.Accounts.AccountsServices;", "Accounts")]
    [TestCase("Sessions", "using X = AuthApi.Accounts.AccountController;", "Accounts")]
    public void AnArrowThatPointsUpIsFound(string room, string code, string used)
    {
        Assert.That(BrokenArrows(room, code), Is.EqualTo(new[] { used }));
    }

    [TestCase("Accounts", "using AuthApi.Sessions;")]
    [TestCase("Storage", "using AuthApi.Storage;")]
    [TestCase("Storage", "b.ToTable(\"AuthApi.Sessions.UserSession\"); // AuthApi.Sessions")]
    [TestCase("Security", "options.Sessions.ToString();")]
    public void AnArrowThatPointsDownAndAWordInATextAreNot(string room, string code)
    {
        Assert.That(BrokenArrows(room, code), Is.Empty);
    }

    [Test]
    public void OnlyTheWebProjectsEntryPointSeesEveryRoom()
    {
        Assert.That(Directory.GetFiles(Source, "*.cs").Select(Path.GetFileName), Is.EqualTo(new[] { "Program.cs" }));
    }

    [Test]
    public void EveryTestRoomMirrorsARoom()
    {
        var rooms = Directory.GetDirectories(Path.Combine(Repository.Root, "tests", "AuthApi.Tests")).Select(Path.GetFileName);

        Assert.That(rooms.Except(["bin", "obj", "TestResults", "Harness", "House"]), Is.SubsetOf(MayUse.Keys));
    }

    [Test]
    public void EveryFilesNamespaceIsItsRoom()
    {
        var strangers = MayUse.Keys.SelectMany(room => Directory.GetFiles(Path.Combine(Source, room), "*.cs")
            .Where(file => !File.ReadAllText(file).Contains($"\nnamespace AuthApi.{room};\n", StringComparison.Ordinal)
                && !File.ReadAllText(file).StartsWith($"namespace AuthApi.{room};\n", StringComparison.Ordinal)));

        Assert.That(strangers, Is.Empty);
    }

    private static IEnumerable<string> BrokenArrows(string room, string code)
    {
        var bare = TextsAndComments().Replace(code, "");
        return MayUse.Keys
            .Where(used => used != room && !MayUse[room].Contains(used))
            .Where(used => Regex.IsMatch(bare, $@"(AuthApi\.|(?<![\w.])){used}\.[A-Z]|using (static |\w+ = )?AuthApi\.{used}\b"));
    }

    [GeneratedRegex("""//[^\n]*|/\*.*?\*/|@?"(?:[^"\\\n]|\\.)*"|"{3}.*?"{3}""", RegexOptions.Singleline)]
    private static partial Regex TextsAndComments();
}
