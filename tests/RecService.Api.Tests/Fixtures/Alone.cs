namespace RecService.Api.Tests.Fixtures;

/// <summary>The collection of tests that run one after the other, with no other test beside them.</summary>
[CollectionDefinition(nameof(Alone), DisableParallelization = true)]
public sealed class Alone;
