using System.Runtime.CompilerServices;
using RecService.Engine.Kernels.Rows;
using RecService.Engine.Losses;
using RecService.Engine.Model;

namespace RecService.Engine.Kernels;

/// <summary>
/// Learns from rows: a kernel for one kind of rows, registers and solver, in two passes. The forward pass scores a few rows, the backward pass steps
/// their
/// parameters, so that neither waits for the result of another row; a row's step may use scores that are a few rows old.
/// </summary>
/// <remarks>
/// With the passes apart, several threads can also learn without one seeing what another has half done: forward together, backward each for the
/// parameters that it
/// owns. The outcome does not depend on their number.
/// </remarks>
internal abstract unsafe class RowLearner
{
    /// <summary>Rows at most that are scored before they are learned from.</summary>
    private const int MostRows = 32;

    /// <summary>
    /// Floats that the forward pass of such rows may leave, so that they are still in the nearest cache when the backward pass comes.
    /// </summary>
    private const int MostScratch = 4096;

    /// <summary>
    /// Entries at most that a row has in common with those that are scored together with it: of the steps on a parameter, none sees what came of the others.
    /// </summary>
    private const double MostShared = 64;

    /// <summary>Floats that the forward pass of a row leaves for its backward pass.</summary>
    /// <param name="crossing">Which entries cross.</param>
    /// <param name="groups">The most pooled vectors of a row; 0 where every entry stands for itself.</param>
    /// <param name="stride">Floats of a latent vector.</param>
    public static int ScratchOf(Crossing crossing, int groups, int stride) =>
        crossing == Crossing.FieldAware ? FieldAwarePass.ScratchOf(groups, stride) : ((2 * groups) + 1) * stride;

    /// <summary>Rows that are scored before they are learned from: an even number, so that pairs stay together.</summary>
    /// <param name="scratchOfRow">Floats that the forward pass leaves of a row.</param>
    /// <param name="overlap">How many entries two rows have in common, on average.</param>
    public static int RowsTogether(int scratchOfRow, double overlap) =>
        (int)Math.Clamp(Math.Min(MostScratch / Math.Max(1, scratchOfRow), MostShared / Math.Max(1, overlap)), 2, MostRows) / 2 * 2;

    /// <summary>Learns from each row of a batch once.</summary>
    /// <param name="loss">What is minimised.</param>
    /// <param name="batch">The rows; of pairwise learning, each positive followed by its negative.</param>
    /// <param name="tables">The parameters.</param>
    /// <param name="context">What the solver needs.</param>
    /// <param name="together">Rows to score before they are learned from, as <see cref="RowsTogether"/> says.</param>
    /// <param name="scratch">Room for so many rows.</param>
    /// <param name="scratchOfRow">Floats of each, as <see cref="ScratchOf"/> says.</param>
    /// <param name="scores">Receives the score of each row before it was learned from.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Learn(
        LossFunction loss,
        in RowBatch batch,
        in ParameterTables tables,
        in StepContext context,
        int together,
        float* scratch,
        int scratchOfRow,
        float* scores
    )
    {
        for (var from = 0; from < batch.Count; from += together)
        {
            var rows = batch.Slice(from, Math.Min(together, batch.Count - from));
            var next = tables.FetchNext ? batch.Slice(from + rows.Count, Math.Min(together, batch.Count - from - rows.Count)).Range : default;
            Forward(rows, next, tables, scratch, scratchOfRow, scores + from);
            Step(loss, rows, next, tables, context, scratch, scratchOfRow, scores + from, default, scores + from);
        }
    }

    /// <summary>The forward pass: scores without the bias, and what the backward pass needs.</summary>
    public abstract void Forward(
        in RowBatch rows,
        RowBatch.EntryRange next,
        in ParameterTables tables,
        float* scratch,
        int scratchOfRow,
        float* scores
    );

    /// <summary>
    /// What follows the forward pass of rows, limited to the parameters of one owner and to the bias, of which every owner has a replica; rows in
    /// their order.
    /// </summary>
    /// <param name="loss">What is minimised.</param>
    /// <param name="rows">The rows.</param>
    /// <param name="next">Entries whose parameters are to be fetched meanwhile.</param>
    /// <param name="tables">The parameters.</param>
    /// <param name="context">What the solver needs.</param>
    /// <param name="scratch">What the forward pass left.</param>
    /// <param name="scratchOfRow">Floats from what it left of a row to that of the next.</param>
    /// <param name="scores">The scores that it gave.</param>
    /// <param name="ownership">Which parameters to change.</param>
    /// <param name="biased">Receives the scores with the bias; may be <paramref name="scores"/>, or null.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Step(
        LossFunction loss,
        in RowBatch rows,
        RowBatch.EntryRange next,
        in ParameterTables tables,
        in StepContext context,
        float* scratch,
        int scratchOfRow,
        float* scores,
        Ownership ownership,
        float* biased
    )
    {
        var slopes = stackalloc float[MostRows];
        for (var from = 0; from < rows.Count; from += MostRows)
        {
            var part = rows.Slice(from, Math.Min(MostRows, rows.Count - from));
            var scored = new ScoredRows(scores + from, part.Targets, part.Weights, part.Count);
            loss.Slopes(scored, *tables.Bias, biased is null ? null : biased + from, slopes);
            Backward(part, next, tables, context, scratch + (from * (nint)scratchOfRow), scratchOfRow, slopes, ownership);
        }
    }

    /// <summary>The backward pass: steps down the slopes ∂L/∂y of rows, weights of examples included.</summary>
    protected abstract void Backward(
        in RowBatch rows,
        RowBatch.EntryRange next,
        in ParameterTables tables,
        in StepContext context,
        float* scratch,
        int scratchOfRow,
        float* slopes,
        Ownership ownership
    );
}

/// <summary>Which parameters a thread may change: each row of a table has one owner. By default there is one owner of all.</summary>
internal readonly struct Ownership(int owner, int owners)
{
    private readonly uint _others = (uint)(owners - 1);

    private bool IsWhole => _others == 0;

    public bool IsFirst => owner == 0;

    /// <summary>Whether a row of a table is this owner's. Rows are dealt out by a hash, as neighbours tend to be used alike.</summary>
    public bool Has(nuint row) => IsWhole || (int)((ulong)((uint)row * 2654435769u) * (_others + 1) >> 32) == owner;
}
