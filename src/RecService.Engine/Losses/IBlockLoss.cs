using RecService.Engine.Numerics;

namespace RecService.Engine.Losses;

/// <summary>Scores of a block of rows: each of its target, and of the negatives that they share.</summary>
internal unsafe struct BlockScores
{
    /// <summary>The score of what is no negative of a row.</summary>
    public const float Never = -1e30f;

    /// <summary>Rows.</summary>
    public int Rows;

    /// <summary>Rows, padded to a multiple of the register's width.</summary>
    public int PaddedRows;

    /// <summary>Negatives.</summary>
    public int Negatives;

    /// <summary>Score of the target of each row; receives its slope.</summary>
    public float* Targets;

    /// <summary>Scores of the negatives, for each negative <see cref="PaddedRows"/> of them; receive their slopes.</summary>
    public float* Scores;

    /// <summary>How often each negative counts, where the loss is a sum over them.</summary>
    public float* Shares;

    /// <summary>What is to be predicted of each row, where the loss asks.</summary>
    public float* Values;

    /// <summary>Weight of each row, 0 for padding.</summary>
    public float* Weights;

    /// <summary>How much the negatives of a row count together, where the loss is a sum over them.</summary>
    public float NegativeWeight;
}

/// <summary>A loss of blocks: rows that each predict an item, and the negatives that they share.</summary>
internal interface IBlockLoss
{
    /// <summary>What matters to it.</summary>
    static abstract BlockTraits Traits { get; }

    /// <summary>Turns scores into slopes, weights included; returns Σ weight · loss.</summary>
    static abstract double Slopes<TVector, TLanes>(in BlockScores block)
        where TLanes : ILanes<TVector>;

    /// <summary>The loss of a row by itself.</summary>
    /// <param name="row">The row.</param>
    static abstract double Value(in BlockRow row);
}

/// <summary>What matters to a loss of blocks.</summary>
/// <param name="HasNegatives">Whether what is to be predicted is compared with other items.</param>
/// <param name="IsSum">Whether negatives weigh in a sum, rather than each in proportion to how much it competes.</param>
/// <param name="HasConstants">Whether it matters what all scores of a row have in common.</param>
/// <param name="SparesChosen">Whether what a user chose at another time is no negative.</param>
/// <param name="RanksHoldout">Whether the ranking of a holdout tells best which model to keep, rather than the loss.</param>
/// <param name="NegativeWeight">How much the negatives of a row count together unless somebody says so, where they weigh in a sum.</param>
internal readonly record struct BlockTraits(
    bool HasNegatives,
    bool IsSum,
    bool HasConstants,
    bool SparesChosen,
    bool RanksHoldout,
    float NegativeWeight = 1
);

/// <summary>What a row of a holdout comes to.</summary>
/// <param name="Score">Score of what is to be predicted, clipped to the range of the training targets where predictions are.</param>
/// <param name="Value">What is to be predicted of it.</param>
/// <param name="Powers">Σ e^(y_j − y) over all items, itself among them.</param>
/// <param name="Negatives">Mean of ln(1 + e^y_j) over negatives.</param>
/// <param name="Margins">Mean of ln(1 + e^(y_j − y)) over negatives.</param>
/// <param name="NegativeWeight">How much the negatives count together.</param>
internal readonly record struct BlockRow(double Score, double Value, double Powers, double Negatives, double Margins, double NegativeWeight);

/// <summary>What a type of loss says of blocks, as an object.</summary>
internal abstract class BlockLoss
{
    public abstract BlockTraits Traits { get; }

    public abstract double Slopes<TVector, TLanes>(in BlockScores block)
        where TLanes : ILanes<TVector>;

    public abstract double Value(in BlockRow row);
}

/// <inheritdoc/>
internal sealed class BlockLoss<TLoss> : BlockLoss
    where TLoss : struct, IBlockLoss
{
    public static BlockLoss<TLoss> Instance { get; } = new();

    public override BlockTraits Traits => TLoss.Traits;

    public override double Slopes<TVector, TLanes>(in BlockScores block) => TLoss.Slopes<TVector, TLanes>(block);

    public override double Value(in BlockRow row) => TLoss.Value(row);
}
