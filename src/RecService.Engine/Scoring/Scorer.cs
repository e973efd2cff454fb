using RecService.Engine.Data;
using RecService.Engine.Data.Histories;
using RecService.Engine.Kernels;
using RecService.Engine.Model;
using RecService.Engine.Numerics;

namespace RecService.Engine.Scoring;

/// <summary>Scores rows with a model: y = w0 + Σ_i w_i x_i + Σ_d cross_d. Thread-safe.</summary>
public sealed class Scorer
{
    private readonly FactorizationKernel _kernel;
    private RowWorkspace? _idle;

    /// <param name="model">The model.</param>
    /// <param name="kernel">The kernel; the machine's own choice when absent.</param>
    public Scorer(FactorizationModel model, FactorizationKernel? kernel = null)
    {
        ArgumentNullException.ThrowIfNull(model);
        Model = model;
        _kernel = kernel ?? FactorizationKernel.Default;
    }

    /// <summary>The model.</summary>
    public FactorizationModel Model { get; }

    /// <summary>The score of a row, before the link function.</summary>
    /// <exception cref="IndexOutOfRangeException">A column lies outside the model's space.</exception>
    public float Score(SparseRow row)
    {
        var workspace = Rent();
        var cross = workspace.Forward(row, Model.Weights, Model.FactorTable, out var linear, Model.FieldWeights);
        Return(workspace);
        return Model.Bias + linear + cross;
    }

    /// <summary>The score of each of many examples, many times faster than one by one. Within rounding of <see cref="Score(SparseRow)"/>.</summary>
    /// <param name="examples">The examples; targets and weights are not read.</param>
    /// <param name="scores">Receives a score for each example.</param>
    /// <exception cref="ArgumentException">There is not one score for each example, or the examples have columns outside the model's
    /// space.</exception>
    public void Score(ExampleSet examples, Span<float> scores)
    {
        ArgumentNullException.ThrowIfNull(examples);
        if (scores.Length != examples.Count || examples.ColumnCount > Model.Space.ColumnCount)
        {
            throw new ArgumentException(
                $"{examples.Count} examples with columns up to {examples.ColumnCount - 1} cannot be scored into {scores.Length} places by a model of {Model.Space.ColumnCount} columns.",
                nameof(examples)
            );
        }

        ExampleScorer.Score(Model, _kernel.Name, examples, scores);
    }

    /// <summary>The prediction for each of many examples: a probability, or a value within the range of the training targets, or the score.</summary>
    /// <exception cref="ArgumentException">The examples have columns outside the model's space.</exception>
    public float[] Predict(ExampleSet examples)
    {
        ArgumentNullException.ThrowIfNull(examples);
        var predictions = new float[examples.Count];
        Score(examples, predictions);
        foreach (ref var prediction in predictions.AsSpan())
        {
            prediction = Model.Predict(prediction);
        }

        return predictions;
    }

    /// <summary>The cross vector of a row and the pooled vectors of its fields; score = bias + linear + Σ cross.</summary>
    /// <param name="row">The row.</param>
    /// <param name="cross">
    /// Receives the k cross features (bi-interaction pooling; He and Chua, "Neural factorization machines", SIGIR 2017), in a field-weighted model
    /// with their weights:
    /// Σ_{f&lt;g} r_fg p_f ⊙ p_g.
    /// </param>
    /// <param name="pooled">Receives p_f of every field, field by field: F · k floats, 0 for fields that the row has not.</param>
    /// <param name="linear">Σ w_i x_i.</param>
    /// <param name="score">The score.</param>
    /// <exception cref="ArgumentException">A span has another length.</exception>
    public void CrossFeatures(SparseRow row, Span<float> cross, Span<float> pooled, out float linear, out float score)
    {
        var (k, ofField) = (Model.Factors, Model.VectorLength);
        var fields = Model.Space.FieldCount;
        if (cross.Length != k || pooled.Length != fields * ofField)
        {
            throw new ArgumentException(
                $"A model of {fields} fields and {k} factors has cross vectors of {k} and pooled vectors of {fields * ofField} numbers, not {cross.Length} and {pooled.Length}.",
                nameof(cross)
            );
        }

        var workspace = Rent();
        var crossed = workspace.Forward(row, Model.Weights, Model.FactorTable, out linear, Model.FieldWeights);
        score = Model.Bias + linear + crossed;
        workspace.Cross[..k].CopyTo(cross);
        for (var field = 0; field < fields; field++)
        {
            var target = pooled.Slice(field * ofField, ofField);
            if (workspace.IsPresent(field))
            {
                workspace.Pooled(field)[..ofField].CopyTo(target);
            }
            else
            {
                target.Clear();
            }
        }

        Return(workspace);
    }

    /// <summary>What each field and each pair of fields adds to the score of a row.</summary>
    public ScoreExplanation Explain(SparseRow row)
    {
        var workspace = Rent();
        var cross = workspace.Forward(row, Model.Weights, Model.FactorTable, out var linear, Model.FieldWeights);
        var space = Model.Space;
        var linearParts = new float[space.FieldCount];
        for (var e = 0; e < row.Length; e++)
        {
            linearParts[space.ColumnFields[row.Columns[e]]] += Model.Weights[row.Columns[e]] * row.ValueAt(e);
        }

        var fields = workspace.PresentFields.ToArray();
        Array.Sort(fields);
        var pairs = new List<PairContribution>();
        for (var f = 0; f < fields.Length; f++)
        {
            if (Model.Crossing is Crossing.Plain or Crossing.FieldAware && WithinField(row, fields[f]) is { } within)
            {
                pairs.Add(new(space.Fields[fields[f]], space.Fields[fields[f]], within));
            }

            for (var g = f + 1; g < fields.Length; g++)
            {
                pairs.Add(new(space.Fields[fields[f]], space.Fields[fields[g]], Crossed(workspace, fields[f], fields[g])));
            }
        }

        Return(workspace);
        return new(Model.Bias + linear + cross, Model.Bias, [.. fields.Select(f => new FieldContribution(space.Fields[f], linearParts[f]))], pairs);
    }

    /// <summary>
    /// What each entry of a history adds to the score of an item by crossing with the item's columns: together, within rounding, the pairs of the history's
    /// fields and the item's in <see cref="Explain"/> of the joined row.
    /// </summary>
    /// <param name="history">The history.</param>
    /// <param name="item">The item's columns, of fields that no request has.</param>
    public HistoryContribution[] Because(PooledHistory history, SparseRow item)
    {
        ArgumentNullException.ThrowIfNull(history);
        var workspace = Rent();
        workspace.Forward(item, Model.Weights, Model.FactorTable, out _, Model.FieldWeights);
        var fields = workspace.PresentFields.ToArray();
        var query = new Dictionary<int, float[]>();
        var contributions = new HistoryContribution[history.Entries.Count];
        for (var e = 0; e < contributions.Length; e++)
        {
            var entry = history.Entries[e];
            var field = Model.Space.ColumnFields[entry.Column];
            if (!query.TryGetValue(field, out var against))
            {
                query.Add(field, against = new float[Model.Stride]);
                Against(workspace, field, fields, against);
            }

            var factors = Model.FactorTable.Slice(Model.Space.FactorOf(entry.Column) * Model.Stride, Model.Stride);
            contributions[e] = new(entry.Event, entry.Column, entry.Value * _kernel.Dot(factors, against));
        }

        Return(workspace);
        return contributions;
    }

    /// <summary>What two fields of the row that has gone forward add to its score.</summary>
    private float Crossed(RowWorkspace row, int f, int g)
    {
        if (Model.Crossing != Crossing.FieldAware)
        {
            return Model.FieldWeight(f, g) * _kernel.Dot(row.Pooled(f), row.Pooled(g));
        }

        var a = row.Part(f, g);
        var b = row.Part(g, f);
        var sum = 0f;
        for (var d = 0; d < a.Length; d++)
        {
            sum += a[d] * b[d];
        }

        return sum;
    }

    /// <summary>What an entry of a field crosses with in other fields of the row that has gone forward.</summary>
    private void Against(RowWorkspace row, int field, ReadOnlySpan<int> others, Span<float> against)
    {
        if (Model.Crossing == Crossing.FieldAware)
        {
            row.JoinParts(against, field, others);
            return;
        }

        foreach (var other in others)
        {
            _kernel.Add(against, row.Pooled(other), Model.FieldWeight(field, other));
        }
    }

    /// <summary>A workspace that no other thread uses; one is kept between calls, so that a thread by itself allocates nothing.</summary>
    internal RowWorkspace Rent() => Interlocked.Exchange(ref _idle, null) ?? new(Model.Space, Model.Crossing, Model.Factors, _kernel);

    internal void Return(RowWorkspace workspace) => Volatile.Write(ref _idle, workspace);

    /// <summary>
    /// Σ_{i&lt;j} x_i x_j ⟨v_i, v_j⟩ over the entries of a field, in a field-aware model of what they have for it; null when there is only one.
    /// </summary>
    private float? WithinField(SparseRow row, int field)
    {
        var entries = 0;
        var within = 0.0;
        var sum = new double[Model.Factors];
        for (var e = 0; e < row.Length; e++)
        {
            if (Model.Space.ColumnFields[row.Columns[e]] != field)
            {
                continue;
            }

            entries++;
            var factors = Model.FactorsOf(row.Columns[e]);
            factors = Model.Crossing == Crossing.FieldAware ? factors.Slice(field * Model.Factors, Model.Factors) : factors;
            for (var d = 0; d < factors.Length; d++)
            {
                var term = (double)row.ValueAt(e) * factors[d];
                within += sum[d] * term;
                sum[d] += term;
            }
        }

        return entries > 1 ? (float)within : null;
    }
}
