// Outside a namespace: after all tests of the assembly.

/// <summary>Ends the PostgreSQL server that tests shared.</summary>
[SetUpFixture]
#pragma warning disable CA1050 // NUnit takes one outside a namespace for the whole assembly.
public sealed class EndOfTheRun
#pragma warning restore CA1050
{
    [OneTimeTearDown]
    public Task EndAsync() => PostgreSqlServer.EndSharedAsync();
}
