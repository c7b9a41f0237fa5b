namespace AuthApi.Security;

/// <summary>What an answer that is a page, or a file of one, has in the place of the headers of data. Set as a feature of the request.</summary>
/// <param name="Policy">What a browser may load for it (Content Security Policy).</param>
/// <param name="CacheControl">Whether a browser may keep it.</param>
internal sealed record PageHeaders(string Policy, string CacheControl);
