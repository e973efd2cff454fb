namespace RecService.Api.Tests.Faults;

/// <summary>The tests of faults run one after the other, with no other test beside them, on a server that they may stop.</summary>
[CollectionDefinition(nameof(OneFaultAtATime), DisableParallelization = true)]
public sealed class OneFaultAtATime : ICollectionFixture<CrashableDatabase>;
