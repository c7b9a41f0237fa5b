using AuthApi.FaultTests.Harness;

// Outside a namespace: after all tests of the assembly.

/// <summary>Deletes what was published for the tests.</summary>
[SetUpFixture]
#pragma warning disable CA1050 // NUnit takes one outside a namespace for the whole assembly.
public sealed class PublishedEnd
#pragma warning restore CA1050
{
    [OneTimeTearDown]
    public Task DeleteAsync() => Published.DeleteAsync();
}
