using RecService.Engine.Numerics;

namespace RecService.Engine.Training.Passes;

/// <summary>Learns from all examples once.</summary>
internal interface ILearningPass : IDisposable
{
    /// <summary>The weighted mean loss, each example's before it was learned from.</summary>
    /// <param name="epoch">1 for the first.</param>
    /// <param name="random">Draws the order of the batches.</param>
    /// <param name="cancellationToken">Ends the pass early.</param>
    double Learn(int epoch, RandomSource random, CancellationToken cancellationToken);
}
