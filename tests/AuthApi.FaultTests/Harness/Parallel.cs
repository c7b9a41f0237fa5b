// Most of these tests wait for what they have done to a program. Those that hold a time are [NonParallelizable].
[assembly: Parallelizable(ParallelScope.Fixtures)]
[assembly: LevelOfParallelism(4)]
[assembly: Progress]
