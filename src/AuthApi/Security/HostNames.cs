namespace AuthApi.Security;

/// <summary>Compares host names.</summary>
internal static class HostNames
{
    /// <summary>Returns the host without the final dot of a fully qualified name: <c>example.com.</c> is <c>example.com</c> (RFC 1034, 3.1).</summary>
    public static HostString WithoutFinalDot(this HostString host)
    {
        // The name is how the value begins; behind it there may be a port.
        return host.Host is { Length: > 1 } name && name.EndsWith('.') ? new HostString(host.Value!.Remove(name.Length - 1, 1)) : host;
    }
}
