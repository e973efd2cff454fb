using System.Runtime.Intrinsics;
using RecService.Engine.Losses;
using RecService.Engine.Model;
using RecService.Engine.Numerics;

namespace RecService.Engine.Kernels;

/// <summary>What rows and latent vectors a kernel is made for.</summary>
/// <param name="Kernel">The registers, by the name of a <see cref="FactorizationKernel"/>.</param>
/// <param name="Crossing">Which entries cross.</param>
/// <param name="OneHot">Whether every entry is the only one of its field and has the value 1.</param>
/// <param name="Stride">Floats of a latent vector, a multiple of 8.</param>
internal readonly record struct KernelShape(string Kernel, Crossing Crossing, bool OneHot, int Stride)
{
    /// <summary>
    /// The same without what one-hot kernels take for granted. Where every entry is the only one of its field, pooling changes nothing.
    /// </summary>
    public KernelShape General => OneHot ? this with { OneHot = false, Crossing = Crossing.Plain } : this;
}

/// <summary>Chooses the kernel of a shape. The combinations are spelled out as types, so that no reflection is needed.</summary>
internal static class KernelChoice
{
    /// <summary>A kernel that learns.</summary>
    /// <param name="shape">Rows and latent vectors.</param>
    /// <param name="solver">How parameters step.</param>
    /// <param name="rows">What rows the loss is of.</param>
    public static RowLearner Learner(KernelShape shape, Solver solver, LossRows rows) =>
        solver switch
        {
            Solver.Sgd => Learner<GradientDescent>(shape, rows),
            Solver.AdaGrad => Learner<AdaGrad>(shape, rows),
            Solver.Adam => Learner<Adam>(shape, rows),
        };

    /// <summary>A kernel that scores.</summary>
    public static RowScorer Scorer(KernelShape shape) => OfRegisters<ScorerMaker, RowScorer>(shape);

    /// <summary>Floats kept of a parameter by a solver.</summary>
    public static int PlanesOf(Solver solver) =>
        solver switch
        {
            Solver.Sgd => GradientDescent.Planes,
            Solver.AdaGrad => AdaGrad.Planes,
            Solver.Adam => Adam.Planes,
        };

    private static RowLearner Learner<TSolver>(KernelShape shape, LossRows rows)
        where TSolver : struct, ISolver<TSolver> =>
        rows switch
        {
            LossRows.Singles => OfRegisters<LearnerMaker<TSolver>, RowLearner>(shape),
            LossRows.Pairs => OfRegisters<PairLearnerMaker<TSolver>, RowLearner>(shape.General),
            LossRows.Blocks => throw new ArgumentOutOfRangeException(nameof(rows), rows, "Blocks are not learned row by row."),
        };

    private static TKernel OfRegisters<TMaker, TKernel>(KernelShape shape)
        where TMaker : IKernelMaker<TKernel> =>
        shape.Kernel switch
        {
            "vector512" when shape.Stride >= Lanes16.Width => OfCount<TMaker, TKernel, Vector512<float>, Lanes16>(shape),
            "vector512" or "vector256" => OfCount<TMaker, TKernel, Vector256<float>, Lanes8>(shape),
            "vector128" => OfCount<TMaker, TKernel, Vector128<float>, Lanes4>(shape),
            _ => OfCount<TMaker, TKernel, float, Lanes1>(shape),
        };

    private static TKernel OfCount<TMaker, TKernel, TVector, TLanes>(KernelShape shape)
        where TMaker : IKernelMaker<TKernel>
        where TLanes : ILanes<TVector> =>
        (shape.OneHot, shape.Stride / TLanes.Width) switch
        {
            (true, 1) => TMaker.OneHot<TVector, TLanes, OneRegister>(),
            (true, 2) => TMaker.OneHot<TVector, TLanes, TwoRegisters>(),
            (true, 4) => TMaker.OneHot<TVector, TLanes, FourRegisters>(),
            (_, 1) => OfCrossing<TMaker, TKernel, TVector, TLanes, OneRegister>(shape.General),
            _ => OfCrossing<TMaker, TKernel, TVector, TLanes, AnyRegisters>(shape.General),
        };

    private static TKernel OfCrossing<TMaker, TKernel, TVector, TLanes, TRegisters>(KernelShape shape)
        where TMaker : IKernelMaker<TKernel>
        where TLanes : ILanes<TVector>
        where TRegisters : IRegisters =>
        shape.Crossing switch
        {
            Crossing.FieldWeighted => TMaker.Grouped<TVector, TLanes, TRegisters, WeightedCrossing>(),
            Crossing.FieldAware => TMaker.Grouped<TVector, TLanes, TRegisters, FieldAwareCrossing>(),
            Crossing.FieldPooled => TMaker.Grouped<TVector, TLanes, TRegisters, PooledCrossing>(),
            Crossing.Plain => TMaker.Grouped<TVector, TLanes, TRegisters, PlainCrossing>(),
        };

    private interface IKernelMaker<out TKernel>
    {
        static abstract TKernel OneHot<TVector, TLanes, TRegisters>()
            where TLanes : ILanes<TVector>
            where TRegisters : IRegisters;

        static abstract TKernel Grouped<TVector, TLanes, TRegisters, TCrossing>()
            where TLanes : ILanes<TVector>
            where TRegisters : IRegisters
            where TCrossing : ICrossing;
    }

    private readonly struct LearnerMaker<TSolver> : IKernelMaker<RowLearner>
        where TSolver : struct, ISolver<TSolver>
    {
        public static RowLearner OneHot<TVector, TLanes, TRegisters>()
            where TLanes : ILanes<TVector>
            where TRegisters : IRegisters => new OneHotLearner<TVector, TLanes, TRegisters, TSolver>();

        public static RowLearner Grouped<TVector, TLanes, TRegisters, TCrossing>()
            where TLanes : ILanes<TVector>
            where TRegisters : IRegisters
            where TCrossing : ICrossing => new GroupedLearner<TVector, TLanes, TRegisters, TCrossing, TSolver>();
    }

    private readonly struct PairLearnerMaker<TSolver> : IKernelMaker<RowLearner>
        where TSolver : struct, ISolver<TSolver>
    {
        public static RowLearner OneHot<TVector, TLanes, TRegisters>()
            where TLanes : ILanes<TVector>
            where TRegisters : IRegisters => Grouped<TVector, TLanes, TRegisters, PlainCrossing>();

        public static RowLearner Grouped<TVector, TLanes, TRegisters, TCrossing>()
            where TLanes : ILanes<TVector>
            where TRegisters : IRegisters
            where TCrossing : ICrossing => new PairLearner<TVector, TLanes, TRegisters, TCrossing, TSolver>();
    }

    private readonly struct ScorerMaker : IKernelMaker<RowScorer>
    {
        public static RowScorer OneHot<TVector, TLanes, TRegisters>()
            where TLanes : ILanes<TVector>
            where TRegisters : IRegisters => new OneHotScorer<TVector, TLanes, TRegisters>();

        public static RowScorer Grouped<TVector, TLanes, TRegisters, TCrossing>()
            where TLanes : ILanes<TVector>
            where TRegisters : IRegisters
            where TCrossing : ICrossing => new GroupedScorer<TVector, TLanes, TRegisters, TCrossing>();
    }
}
