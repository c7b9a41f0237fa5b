namespace AuthApi.Security;

/// <summary>
/// One count of the rate limits: a bucket for each client, and for IPv6 two wider ones, as a customer may be given a /48 and has 65,536 networks of
/// /64 in it. A /56 has 4 times as much as a /64, and a /48 16 times.
/// </summary>
internal sealed class ClientCount : IDisposable
{
    public const int WiderBits = 56;
    public const int WidestBits = 48;
    public const long WiderTimes = 4;
    public const long WidestTimes = 16;

    private readonly ClientBuckets<CountedClient> _clients;
    private readonly ClientBuckets<CountedClient> _wider;
    private readonly ClientBuckets<CountedClient> _widest;

    /// <param name="size">How many one client may take at once, and again in the course of each <paramref name="window"/>.</param>
    /// <param name="window">How long an empty bucket takes to be full.</param>
    /// <param name="time">The clock.</param>
    public ClientCount(int size, TimeSpan window, TimeProvider time)
    {
        _clients = new(size, window, time);
        _wider = new(WiderTimes * size, window, time);
        _widest = new(WidestTimes * size, window, time);
    }

    /// <summary>Takes one for the client. A refusal takes nothing.</summary>
    /// <param name="client">The client.</param>
    /// <param name="retryAfter">When there is none: how long until there will be.</param>
    public bool TryTake(CountedClient client, out TimeSpan retryAfter)
    {
        if (!client.IsIpv6)
        {
            return _clients.TryTake(client, out retryAfter);
        }

        // The widest first, so that a network that has used it up takes no memory for each /64.
        if (!_widest.TryTake(client.Network(WidestBits), out retryAfter))
        {
            return false;
        }

        if (!_wider.TryTake(client.Network(WiderBits), out retryAfter))
        {
            _widest.Return(client.Network(WidestBits));
            return false;
        }

        if (!_clients.TryTake(client, out retryAfter))
        {
            _wider.Return(client.Network(WiderBits));
            _widest.Return(client.Network(WidestBits));
            return false;
        }

        return true;
    }

    /// <summary>Puts one back that was taken.</summary>
    public void Return(CountedClient client)
    {
        _clients.Return(client);
        if (client.IsIpv6)
        {
            _wider.Return(client.Network(WiderBits));
            _widest.Return(client.Network(WidestBits));
        }
    }

    public void Dispose()
    {
        _clients.Dispose();
        _wider.Dispose();
        _widest.Dispose();
    }
}
