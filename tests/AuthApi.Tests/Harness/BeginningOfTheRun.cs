// Outside a namespace: before all tests of the assembly.

/// <summary>Keeps from the programs that tests start how this process is set to collect (AuthApi.Tests.runsettings), which the runtime has read by now.</summary>
[SetUpFixture]
#pragma warning disable CA1050 // NUnit takes one outside a namespace for the whole assembly.
public sealed class BeginningOfTheRun
#pragma warning restore CA1050
{
    [OneTimeSetUp]
    public void ForgetSetting()
    {
        Environment.SetEnvironmentVariable("DOTNET_GCgen0size", null);
    }
}
