using System.Runtime.Intrinsics;
using RecService.Engine.Kernels;
using RecService.Engine.Losses;
using RecService.Engine.Numerics;

namespace RecService.Engine.Training.Sequences;

/// <summary>Chooses the kernels of sequences. The combinations are spelled out as types, so that no reflection is needed.</summary>
internal static class SequenceKernels
{
    public static SequenceLearner Learner(string registers, SequenceData data, SequencePlan plan, NegativeItems negatives, TrainingSettings settings, int stride, int weightRows) =>
        settings.Solver switch
        {
            Solver.Sgd => Learner<GradientDescent>(registers, data, plan, negatives, settings, stride, weightRows),
            Solver.AdaGrad => Learner<AdaGrad>(registers, data, plan, negatives, settings, stride, weightRows),
            _ => Learner<Adam>(registers, data, plan, negatives, settings, stride, weightRows),
        };

    public static HoldoutMeasure Holdout(string registers, SequenceData data, TrainingSettings settings, TargetScale scale, float negativeWeight, int stride, bool excludesSeen) =>
        registers switch
        {
            "vector512" when stride >= Lanes16.Width => new HoldoutMeasure<Vector512<float>, Lanes16>(data, settings, scale, negativeWeight, stride, excludesSeen),
            "vector512" or "vector256" => new HoldoutMeasure<Vector256<float>, Lanes8>(data, settings, scale, negativeWeight, stride, excludesSeen),
            "vector128" => new HoldoutMeasure<Vector128<float>, Lanes4>(data, settings, scale, negativeWeight, stride, excludesSeen),
            _ => new HoldoutMeasure<float, Lanes1>(data, settings, scale, negativeWeight, stride, excludesSeen),
        };

    private static SequenceLearner Learner<TSolver>(string registers, SequenceData data, SequencePlan plan, NegativeItems negatives, TrainingSettings settings, int stride, int weightRows)
        where TSolver : struct, ISolver<TSolver> =>
        registers switch
        {
            "vector512" when stride >= Lanes16.Width => new SequenceLearner<Vector512<float>, Lanes16, TSolver>(data, plan, negatives, settings, stride, weightRows),
            "vector512" or "vector256" => new SequenceLearner<Vector256<float>, Lanes8, TSolver>(data, plan, negatives, settings, stride, weightRows),
            "vector128" => new SequenceLearner<Vector128<float>, Lanes4, TSolver>(data, plan, negatives, settings, stride, weightRows),
            _ => new SequenceLearner<float, Lanes1, TSolver>(data, plan, negatives, settings, stride, weightRows),
        };
}
