using System.Text.RegularExpressions;

namespace AuthApi.Tests.House;

/// <summary>The rules of the house: which room may use which, and that each mirrors its tests.</summary>
internal sealed partial class RoomTests
{
    private static readonly string Source = Path.Combine(Repository.Root, "src", "AuthApi");

    // A room uses what stands beside it, which stands below it in this list.
    private static readonly Dictionary<string, string[]> MayUse = new(StringComparer.Ordinal)
    {
        ["Commands"] = ["Administration", "Backups", "Identity", "Audit", "Mail", "Storage", "Api", "Startup"],
        ["Accounts"] = ["Identity", "Passwords", "Factors", "Audit", "Codes", "Mail", "Security", "Storage", "Api", "Startup"],
        ["Administration"] = ["Identity", "Factors", "Audit", "Mail", "Security", "Storage", "Api", "Startup"],
        ["Backups"] = ["Storage", "Startup"],
        ["Recovery"] = ["Identity", "Factors", "Audit", "Codes", "Mail", "Security", "Storage", "Api", "Startup"],
        ["Passkeys"] = ["Identity", "Factors", "Audit", "Mail", "Security", "Storage", "Api", "Startup"],
        ["TwoFactor"] = ["Identity", "Factors", "Audit", "Mail", "Security", "Storage", "Api", "Startup"],
        ["AccountPage"] = ["Mail", "Security", "Api", "Startup"],
        ["Identity"] = ["Passwords", "Factors", "Codes", "Mail", "Storage", "Api", "Startup"],
        ["Passwords"] = ["Storage", "Api", "Startup"],
        ["Factors"] = ["Audit", "Codes", "Mail", "Storage", "Api", "Startup"],
        ["Audit"] = ["Storage", "Api", "Startup"],
        ["Codes"] = ["Storage", "Api", "Startup"],
        ["Mail"] = ["Storage", "Api", "Startup"],
        ["Storage"] = ["Api", "Startup"],
        ["OpenApi"] = ["Security", "Api", "Startup"],
        ["Security"] = ["Api", "Startup"],
        ["Telemetry"] = ["Api", "Startup"],
        ["Api"] = ["Startup"],
        ["Startup"] = [],
    };

    public static IEnumerable<string> Rooms => MayUse.Keys;

    [Test]
    public void Every_folder_is_a_room()
    {
        var folders = Directory.GetDirectories(Source).Select(Path.GetFileName).Except(["bin", "obj", "Properties"]);

        Assert.That(folders, Is.EquivalentTo(MayUse.Keys));
    }

    [Test]
    public void No_room_is_used_by_one_below_it()
    {
        var rooms = MayUse.Keys.ToList();

        Assert.That(MayUse.Where(room => room.Value.Any(used => rooms.IndexOf(used) <= rooms.IndexOf(room.Key))), Is.Empty);
    }

    [Test]
    public void Arrows_between_rooms_point_down()
    {
        var broken = MayUse.Keys
            .SelectMany(room => Directory.GetFiles(Path.Combine(Source, room), "*.cs", SearchOption.AllDirectories)
                .SelectMany(file => BrokenArrows(room, File.ReadAllText(file))
                    .Select(used => $"{Path.GetRelativePath(Repository.Root, file)}: {room} must not use {used}")));

        Assert.That(broken, Is.Empty);
    }

    [TestCase("Storage", "using AuthApi.Accounts;", "Accounts")]
    [TestCase("Storage", "AuthApi.Accounts.LoginRequest? request = null;", "Accounts")]
    [TestCase("Storage", "Accounts.LoginRequest? request = null;", "Accounts")]
    [TestCase("Security", "using static AuthApi.Accounts.AccountsServices;", "Accounts")]
    [TestCase("Security", "using X = AuthApi.Accounts.AccountController;", "Accounts")]
    public void An_arrow_that_points_up_is_found(string room, string code, string used)
    {
        Assert.That(BrokenArrows(room, code), Is.EqualTo(new[] { used }));
    }

    [TestCase("Accounts", "using AuthApi.Storage;")]
    [TestCase("Storage", "using AuthApi.Sessions;", Description = "a library is no room")]
    [TestCase("Storage", "using AuthApi.Storage;")]
    [TestCase("Storage", "b.ToTable(\"AuthApi.Accounts.LoginRequest\"); // AuthApi.Accounts")]
    [TestCase("Security", "options.Accounts.ToString();")]
    public void A_downward_arrow_and_a_word_in_a_text_are_not_found(string room, string code)
    {
        Assert.That(BrokenArrows(room, code), Is.Empty);
    }

    [Test]
    public void No_controller_catches_an_exception_of_the_database()
    {
        var controllers = Directory.GetFiles(Path.Combine(Repository.Root, "src"), "*Controller.cs", SearchOption.AllDirectories);

        Assert.That(controllers, Has.Length.GreaterThan(10));
        Assert.That(controllers.Where(file => Regex.IsMatch(File.ReadAllText(file), "DbUpdate|DbException|NpgsqlException|PostgresException|SqliteException")), Is.Empty);
    }

    [TestCase("AuthApi.Sessions", new string[0])]
    [TestCase("AuthApi.Sessions.Sqlite", new[] { "AuthApi.Sessions" })]
    [TestCase("AuthApi.Sessions.PostgreSql", new[] { "AuthApi.Sessions" })]
    [TestCase("AuthApi", new[] { "AuthApi.Sessions.PostgreSql", "AuthApi.Sessions.Sqlite" })]
    public void Arrows_between_projects_point_down(string project, string[] uses)
    {
        var text = File.ReadAllText(Path.Combine(Repository.Root, "src", project, $"{project}.csproj"));

        Assert.That(ProjectReferences().Matches(text).Select(reference => reference.Groups[1].Value), Is.EqualTo(uses));
        Assert.That(text, Does.Not.Contain("InternalsVisibleTo Include=\"AuthApi\""));
    }

    [Test]
    public void Only_the_entry_point_sees_every_room()
    {
        Assert.That(Directory.GetFiles(Source, "*.cs").Select(Path.GetFileName), Is.EqualTo(new[] { "Program.cs" }));
    }

    [Test]
    public void Every_test_room_mirrors_a_room()
    {
        var rooms = Directory.GetDirectories(Path.Combine(Repository.Root, "tests", "AuthApi.Tests")).Select(Path.GetFileName);

        // The stories of sessions are the program's, whose library has its own tests.
        Assert.That(rooms.Except(["bin", "obj", "TestResults", "Harness", "House", "Sessions"]), Is.SubsetOf(MayUse.Keys));
    }

    [Test]
    public void Every_files_namespace_is_its_room()
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

    [GeneratedRegex("""<ProjectReference Include="[^"]*?([\w.]+)\.csproj""")]
    private static partial Regex ProjectReferences();

    [GeneratedRegex("""//[^\n]*|/\*.*?\*/|@?"(?:[^"\\\n]|\\.)*"|"{3}.*?"{3}""", RegexOptions.Singleline)]
    private static partial Regex TextsAndComments();
}
