using AuthApi.Sessions.PostgreSql;

namespace AuthApi.Sessions.Tests;

/// <summary>Which failures say that PostgreSQL is out of reach; those that a server can be made to have are in <see cref="PostgreSqlOutOfReachTests"/>.</summary>
internal sealed class PostgreSqlFailuresTests
{
    [TestCase("   at Npgsql.NpgsqlConnection.<Open>g__OpenAsync|42_0(Boolean async, CancellationToken cancellationToken)", true)]
    [TestCase("   at Npgsql.NpgsqlParameterCollection.get_Item(Int32 index)", false)]
    [TestCase(null, false)]
    public void A_clock_that_is_set_back_while_a_connection_opens_is_one(string? trace, bool isOutOfReach) =>
        Assert.That(PostgreSqlFailures.IsOutOfReach(new InvalidOperationException("from EF Core", new Thrown(trace))), Is.EqualTo(isOutOfReach));

    private sealed class Thrown(string? trace) : ArgumentOutOfRangeException("delay")
    {
        public override string? StackTrace => trace;
    }
}
