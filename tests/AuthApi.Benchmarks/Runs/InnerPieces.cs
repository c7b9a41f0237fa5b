using System.Security.Claims;
using AuthApi.Sessions;
using BenchmarkDotNet.Attributes;
using BenchmarkDotNet.Configs;
using BenchmarkDotNet.Jobs;
using BenchmarkDotNet.Running;
using BenchmarkDotNet.Toolchains.InProcess.Emit;
using Microsoft.Extensions.Options;

namespace AuthApi.Benchmarks.Runs;

/// <summary>What every request with a session passes through. None of it is to allocate.</summary>
[MemoryDiagnoser]
public class InnerPieces
{
    private readonly string _text = SessionToken.Create().Reveal();
    private readonly HttpRequest _request = new DefaultHttpContext().Request;
    private readonly SessionCache _cache = new(Options.Create(new UserSessionOptions()));
    private SessionToken _token;
    private TokenHash _hash;

    public static int Run()
    {
        // In this process, as a project made and built for it would inherit this repository's settings.
        var config = DefaultConfig.Instance
            .WithArtifactsPath(Path.Combine(AppContext.BaseDirectory, "BenchmarkDotNet.Artifacts"))
            .AddJob(Job.Default.WithToolchain(InProcessEmitToolchain.Instance).WithIterationCount(10));
        var summary = BenchmarkRunner.Run<InnerPieces>(config);
        return summary.HasCriticalValidationErrors || summary.Reports.Any(report => !report.Success) ? 1 : 0;
    }

    [GlobalSetup]
    public void Prepare()
    {
        _token = SessionToken.TryParse(_text, out var token) ? token : throw new InvalidOperationException("A token is not read as it is written.");
        _hash = token.Hash;
        _request.Headers.Cookie = $"theme=dark; {SessionCookie.PlainName}={_text}; consent=1";

        var now = TimeProvider.System.GetUtcNow();
        var session = new UserSession
        {
            Id = Guid.CreateVersion7(now),
            UserId = "1",
            TokenHash = _hash,
            CreatedAt = now,
            LastSeenAt = now,
            IdleExpiresAt = now.AddMinutes(30),
            AbsoluteExpiresAt = now.AddHours(12),
            AuthenticatedAt = now,
            AuthenticationMethods = ["pwd"],
            Transport = SessionTransport.Cookie,
            RememberMe = false,
        };
        _cache.TryAdd(_hash, new LiveSession(session, LastSeenTracker.LastUse(session, pending: null), new ClaimsPrincipal(new ClaimsIdentity("test")), _cache.BeginRead()));
    }

    [Benchmark(Description = "the cookie, found in the header")]
    public bool ReadCookie() => SessionCookie.TryRead(_request, SessionCookie.PlainName, out var token, out _) && token.Length == SessionToken.TextLength;

    [Benchmark(Description = "the token, read")]
    public bool ParseToken() => SessionToken.TryParse(_text, out _);

    [Benchmark(Description = "its SHA-256")]
    public TokenHash HashToken() => _token.Hash;

    [Benchmark(Description = "the session, found in the cache")]
    public object? FindSession() => _cache.Find(_hash);

    [Benchmark(Description = "all four")]
    public object? FromRequestToSession() =>
        SessionCookie.TryRead(_request, SessionCookie.PlainName, out var text, out _) && SessionToken.TryParse(text, out var token) ? _cache.Find(token.Hash) : null;
}
