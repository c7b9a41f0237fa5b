using AuthApi.Benchmarks.Subjects;

namespace AuthApi.Benchmarks.Runs;

/// <summary>Logins to a subject's accounts, each account once before the first one's next.</summary>
internal sealed class LoginSequence(Subject subject, IReadOnlyList<string> emails, string password = Subject.Password)
{
    private int _taken;

    public List<byte[]> Take(int count) =>
        [.. Enumerable.Range(0, count).Select(_ => subject.Login(emails[_taken++ % emails.Count], password))];
}
