using System.Reflection;
using AuthApi.Sessions;
using AuthApi.Sessions.PostgreSql;
using AuthApi.Sessions.Sqlite;
using AuthApi.Storage;
using Microsoft.Extensions.Logging;

namespace AuthApi.Tests.House;

/// <summary>The event id of a log message is unique in its category.</summary>
internal sealed class EventIdTests
{
    [Test]
    public void Every_log_message_has_its_own_event_id()
    {
        var messages =
            from type in new[] { typeof(AuthDbContext), typeof(UserSession), typeof(SqliteDatabase), typeof(PostgreSqlConnections) }.SelectMany(one => one.Assembly.GetTypes())
            from method in type.GetMethods(BindingFlags.Static | BindingFlags.Instance | BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.DeclaredOnly)
            let message = method.GetCustomAttribute<LoggerMessageAttribute>()
            where message is not null
            select (Category: (type.DeclaringType ?? type).FullName, message.EventId);
        var all = messages.ToList();

        Assert.That(all, Has.Count.GreaterThan(15));
        Assert.That(all.Where(message => message.EventId <= 0), Is.Empty);
        Assert.That(all, Is.Unique);
    }
}
