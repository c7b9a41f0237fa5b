namespace AuthApi.Storage;

/// <summary>
/// A table to which rows are only ever appended, so that what many requests write at once shares a few pages, and where they stay until
/// <see cref="JournalDrain"/> does with them what takes a page or more each. Whoever reads has to see both, by a view.
/// </summary>
/// <param name="Drain">The statements that do so with the first <c>@p0</c> of them. The last one deletes these from the journal.</param>
internal sealed record Journal(params string[] Drain)
{
    /// <summary>What is to be done at each start, before the first row is appended.</summary>
    public IReadOnlyList<string> Begin { get; init; } = [];
}
