using RecService.Engine.Losses;
using RecService.Engine.Synthetic;
using RecService.Engine.Training;

namespace RecService.Engine.Tests.Training;

/// <summary>Runs by itself, because it counts what the whole process allocates.</summary>
[CollectionDefinition(nameof(AllocationTests), DisableParallelization = true)]
[Collection(nameof(AllocationTests))]
public sealed class AllocationTests(ITestOutputHelper output)
{
    [Theory]
    [InlineData(1, false, false)]
    [InlineData(2, false, false)]
    [InlineData(2, true, false)]
    [InlineData(1, false, true)]
    [InlineData(2, false, true)]
    public void Epochs_after_the_first_allocate_nothing(int threads, bool deterministic, bool negatives)
    {
        var truth = new OneHotTruth([300, 200, 20]);
        var (space, train, sampling) = negatives ? ThreadTests.Implicit(20_000) : (truth.Space, truth.Draw(40_000), null);
        var settings = new TrainingSettings
        {
            Loss = negatives ? Loss.Logistic : Loss.Squared,
            Factors = 16,
            Epochs = 12,
            Patience = 12,
            Threads = threads,
            Deterministic = deterministic,
        };
        var totals = new List<long>(settings.Epochs);

        new Trainer(settings).Train(
            space,
            train,
            sampling?.Materialize(train, 1) ?? truth.Draw(5_000, part: 1),
            sampling,
            progress: _ => totals.Add(GC.GetTotalAllocatedBytes(precise: true)),
            cancellationToken: TestContext.Current.CancellationToken
        );

        long[] byEpoch = [.. totals.Zip(totals.Skip(1), (a, b) => b - a)];
        output.WriteLine($"bytes allocated between the ends of epochs: {string.Join(", ", byEpoch)}");
        // The runtime itself allocates some ten thousand bytes when it compiles methods anew, in whichever epoch that falls; what an epoch allocates, most
        // would, and whatever is as long as the examples takes more.
        byEpoch.Order().Take(byEpoch.Length / 2).ShouldAllBe(bytes => bytes == 0);
        byEpoch.Max().ShouldBeLessThan(train.Count * sizeof(int));
    }
}
