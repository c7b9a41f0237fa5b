// Fixtures share nothing but the process; those that measure time or what belongs to the process are [NonParallelizable].
[assembly: Parallelizable(ParallelScope.Fixtures)]
[assembly: LevelOfParallelism(3)]
[assembly: Progress]
