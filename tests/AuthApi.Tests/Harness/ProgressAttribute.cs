using System.Diagnostics;
using NUnit.Framework.Interfaces;

namespace AuthApi.Tests.Harness;

/// <summary>Prints every ten seconds how many tests have run, so that a person who waits sees that it goes on.</summary>
[AttributeUsage(AttributeTargets.Assembly)]
internal sealed class ProgressAttribute : Attribute, ITestAction
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(10);

    private readonly Lock _lock = new();
    private readonly Stopwatch _elapsed = Stopwatch.StartNew();
    private TimeSpan _nextAt = Interval;
    private int _passed;
    private int _failed;

    public ActionTargets Targets => ActionTargets.Test;

    public void BeforeTest(ITest test)
    {
    }

    public void AfterTest(ITest test)
    {
        lock (_lock)
        {
            _ = TestContext.CurrentContext.Result.Outcome.Status == TestStatus.Failed ? _failed++ : _passed++;
            if (_elapsed.Elapsed >= _nextAt)
            {
                _nextAt = _elapsed.Elapsed + Interval;

                // The one stream that the adapter shows at the verbosity that "dotnet test" has by default.
                TestContext.Error.WriteLine($"{_elapsed.Elapsed.TotalSeconds:F0} s: {_passed + _failed} tests have run, {_failed} failed, the last in {test.ClassName?.Split('.')[^1]}.");
            }
        }
    }
}
