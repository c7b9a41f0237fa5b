using System.Diagnostics.Metrics;
using System.Text.Json;
using AuthApi.Startup;

namespace AuthApi.Audit;

/// <summary>How often something was done in administration, and how often a call was refused.</summary>
internal sealed class AdministrationMetrics(IMeterFactory meters)
{
    private readonly Counter<long> _actions = meters.CreateMeter().CreateCounter<long>("authapi.administration.actions", "{action}", "What administrators did, by the event.");
    private readonly Counter<long> _refused = meters.CreateMeter().CreateCounter<long>("authapi.administration.refused", "{call}", "Calls of administration that were refused, by the reason.");

    /// <summary>Something was done.</summary>
    /// <param name="what">One of <see cref="AdministrationEvent"/>.</param>
    public void Done(string what) => _actions.Add(1, new KeyValuePair<string, object?>("event", JsonNamingPolicy.SnakeCaseLower.ConvertName(what)));

    /// <summary>A call was refused.</summary>
    /// <param name="code">The code of the answer.</param>
    public void Refused(string code) => _refused.Add(1, new KeyValuePair<string, object?>("reason", code));
}
