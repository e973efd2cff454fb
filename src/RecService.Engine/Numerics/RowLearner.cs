namespace RecService.Engine.Numerics;

/// <summary>Learns from rows, one after the other: a kernel for one kind of rows, registers, solver and loss.</summary>
internal abstract unsafe class RowLearner
{
    /// <summary>Learns from each row of a batch once.</summary>
    /// <param name="batch">The rows; of pairwise learning, each positive followed by its negative.</param>
    /// <param name="tables">The parameters.</param>
    /// <param name="context">What the solver needs.</param>
    /// <param name="scratch">Room for the pooled vectors of a row, as <see cref="GroupedLearner.ScratchOf"/> says.</param>
    /// <param name="scores">Receives the score of each row before it was learned from.</param>
    public abstract void Learn(in RowBatch batch, in ParameterTables tables, in StepContext context, float* scratch, float* scores);
}

/// <summary>
/// A kernel whose steps can be taken apart: first the forward pass of many rows, then what they do to the parameters, split among owners. With that, several
/// threads learn without one seeing what another has half done, and the outcome does not depend on their number.
/// </summary>
internal abstract unsafe class GroupedLearner : RowLearner
{
    /// <summary>Floats that the forward pass of a row leaves for its backward pass, beyond the slope.</summary>
    /// <param name="groups">The most groups in a row.</param>
    /// <param name="stride">Floats of a latent vector.</param>
    public static int ScratchOf(int groups, int stride) => ((2 * groups) + 1) * stride;

    /// <summary>The forward pass of some rows of a batch: scores without the bias, and what the backward pass needs.</summary>
    public abstract void Forward(in RowBatch batch, int from, int to, in ParameterTables tables, float* scratch, int scratchOfRow, float* scores);

    /// <summary>The backward pass of a whole batch, limited to the parameters of one owner and to the bias, which every owner has a replica of; rows in their order.</summary>
    /// <param name="batch">The rows.</param>
    /// <param name="tables">The parameters.</param>
    /// <param name="context">What the solver needs.</param>
    /// <param name="scratch">What the forward pass left.</param>
    /// <param name="scratchOfRow">Floats from what it left of a row to that of the next.</param>
    /// <param name="scores">The scores that it gave.</param>
    /// <param name="ownership">Which parameters to change.</param>
    /// <param name="biased">Receives the scores with the bias; may be null.</param>
    public abstract void Backward(
        in RowBatch batch, in ParameterTables tables, in StepContext context, float* scratch, int scratchOfRow, float* scores, Ownership ownership, float* biased);
}

/// <summary>Which parameters a thread may change: each row of a table has one owner.</summary>
internal readonly struct Ownership(int owner, int owners)
{
    public bool IsWhole => owners == 1;

    public bool IsFirst => owner == 0;

    /// <summary>Whether a row of a table is this owner's. Rows are dealt out by a hash, as neighbours tend to be used alike.</summary>
    public bool Has(nuint row) => IsWhole || (int)((ulong)((uint)row * 2654435769u) * (uint)owners >> 32) == owner;
}
