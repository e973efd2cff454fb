using RecService.Engine.Data;
using RecService.Engine.Kernels;
using RecService.Engine.Kernels.Rows;
using RecService.Engine.Model;
using RecService.Engine.Numerics;

namespace RecService.Engine.Scoring;

/// <summary>Scores examples by the thousand: the forward pass of training, over the arrays of a model.</summary>
internal static unsafe class ExampleScorer
{
    private const int BatchRows = 1024;

    /// <summary>Fills in the score of each example.</summary>
    public static void Score(FactorizationModel model, string kernel, ExampleSet examples, Span<float> scores)
    {
        var layout = RowLayout.Of(model.Space, examples, model.Crossing, oneHotAllowed: true);
        var stride = ParameterTables.StrideOf(model.VectorLength);
        var scorer = KernelChoice.Scorer(new(kernel, model.Crossing, layout.OneHot, stride));
        using var scratch = new NativeArray<float>((nuint)RowLearner.ScratchOf(model.Crossing, layout.MaximumGroups, stride));
        using var ownParts = model.Crossing == Crossing.FieldAware ? FieldAwarePass.OwnParts(stride, model.Factors) : null;
        using var buffer = new BatchBuffer();
        var row = new RowBuffer();
        var numbering = RowNumbering.Natural(model.Space);
        var bias = model.Bias;
        fixed (
            float* factors = model.FactorTable,
                weights = model.Weights,
                fieldWeights = model.FieldWeights,
                to = scores
        )
        fixed (int* fields = model.Space.ColumnFields)
        {
            var tables = new ParameterTables
            {
                Factors = factors,
                FactorBlock = (nuint)model.Stride,
                Weights = weights,
                WeightBlock = 1,
                Stride = stride,
                Bias = &bias,
                FieldWeights = fieldWeights,
                FieldCount = model.Space.FieldCount,
                FieldLength = model.Factors,
                OwnParts = ownParts is null ? null : ownParts.Pointer,
                Fields = fields,
                FetchAhead = RowBatch.Lookahead,
            };
            if (layout.OneHot && examples.Blocks.Count == 1 && examples.Rows[0] is null)
            {
                ScoreInPlace(scorer, examples.Blocks[0], layout.MaximumEntries, tables, scratch.Pointer, to);
                return;
            }

            for (var from = 0; from < examples.Count; from += BatchRows)
            {
                buffer.Start(
                    hasValues: !layout.OneHot,
                    hasWeightRows: !numbering.IsSingle,
                    hasWeights: false,
                    layout.OneHot ? layout.MaximumEntries : 0
                );
                for (var example = from; example < Math.Min(from + BatchRows, examples.Count); example++)
                {
                    buffer.Append(examples.Gather(example, row), layout.Grouped, model.Space, numbering);
                    buffer.EndRow(0, 1);
                }

                scorer.Score(buffer.ToBatch(), tables, scratch.Pointer, to + from);
            }
        }
    }

    /// <summary>Rows of one feature each field are laid out as the kernels want them.</summary>
    private static void ScoreInPlace(RowScorer scorer, SparseRows rows, int width, ParameterTables tables, float* scratch, float* scores)
    {
        fixed (int* columns = rows.Columns)
        {
            // Nothing may be read behind the last entry.
            var last = Math.Max(0, rows.Count - ((RowBatch.Lookahead + width) / Math.Max(1, width)));
            var one = 1f;
            var batch = new RowBatch
            {
                Count = last,
                Width = width,
                Entries = columns,
                WeightRows = columns,
                Values = &one,
            };
            scorer.Score(batch, tables, scratch, scores);
            batch.Count = rows.Count - last;
            batch.Entries = batch.WeightRows = columns + ((nint)last * width);
            scorer.Score(batch, tables with { FetchAhead = 0 }, scratch, scores + last);
        }
    }
}
