using System.Globalization;
using System.Text;
using RecService.Engine.Files;
using RecService.Engine.Losses;

namespace RecService.Engine.Model;

/// <summary>
/// Models as ONNX (https://onnx.ai), which ONNX Runtime and others score without this library. In one pass forwards, with no buffer beyond a part of a
/// tensor besides the model itself. Written only.
/// </summary>
/// <remarks>
/// <para>
/// The inputs are rows as an encoder of the model's features makes them, padded to one length: <c>columns</c> int64 [rows, entries] and <c>values</c>
/// float32 [rows, entries], in any order; an entry of value 0 adds nothing, so that column 0 with value 0 is padding. What a user did before is among them:
/// the entries of the history's fields, pooled as <see cref="Data.Histories.HistoryPooling"/> does, are entries like others.
/// </para>
/// <para>
/// The outputs: <c>score</c> [rows], before the link; <c>prediction</c> [rows], a probability or a value within the range of the training targets, of losses
/// whose scores mean more than an order; <c>linear</c> [rows], Σ w_i x_i; of models with factors also <c>cross</c> [rows, k], the cross vector, and
/// <c>pooled</c> [rows, fields, k], p_f of every field, in field-aware models [rows, fields, F · k].
/// </para>
/// <para>
/// Custom metadata are those of <see cref="SafetensorsFile"/>, and <c>feature_index</c>, when the model has one: the same lines of JSON, which say what each
/// column is.
/// </para>
/// </remarks>
public static class OnnxFile
{
    /// <summary>Bytes that a file may have: what protocol buffers, of which ONNX is made, can hold.</summary>
    public const long MaximumLength = int.MaxValue;

    private const int BufferSize = 64 * 1024;

    private const string Description =
        "A factorization machine. Inputs: the columns and values of the entries of each row, padded with column 0 and value 0. "
        + "Outputs: the score, the prediction where there is one, the linear part, the cross vector and the pooled vector of each field.";

    /// <summary>Bytes of the file of <paramref name="model"/>; more than <see cref="MaximumLength"/> cannot be written.</summary>
    /// <exception cref="ArgumentException">A name is no text: it holds half of a surrogate pair.</exception>
    public static long LengthOf(FactorizationModel model)
    {
        ArgumentNullException.ThrowIfNull(model);
        return MessageOf(model).Length;
    }

    /// <summary>Writes <paramref name="model"/>; the stream need not be seekable and stays open.</summary>
    /// <exception cref="ModelFormatException">The file would be longer than <see cref="MaximumLength"/>; nothing is written.</exception>
    /// <exception cref="ArgumentException">A name is no text: it holds half of a surrogate pair.</exception>
    public static void Export(Stream stream, FactorizationModel model)
    {
        ArgumentNullException.ThrowIfNull(stream);
        ArgumentNullException.ThrowIfNull(model);
        var message = MessageOf(model);
        CheckLength(message.Length);

        // Not disposed, which would close the stream below.
        var content = new BufferedStream(stream, BufferSize);
        message.WriteTo(content);
        content.Flush();
    }

    internal static void CheckLength(long length)
    {
        if (length > MaximumLength)
        {
            throw new ModelFormatException(
                FormattableString.Invariant($"The model takes {length} bytes as ONNX, whose files hold at most {MaximumLength}; safetensors has no such limit.")
            );
        }
    }

    private static ProtobufMessage MessageOf(FactorizationModel model)
    {
        var graph = new OnnxGraph();
        var columns = graph.Input("columns", OnnxGraph.Int64, "rows", "entries");
        var values = graph.Input("values", OnnxGraph.Float32, "rows", "entries");
        if (model.Space.ColumnCount > 0)
        {
            (columns, values) = Padded(graph, columns, values);
        }

        var entries = graph.Constant("axis.entries", 1);
        var linear = Linear(graph, model, columns, values, entries);
        var score = graph.Node("Add", [linear, graph.Constant("bias", model.Bias)], model.Factors == 0 ? "score" : "score.linear");
        if (model.Factors > 0)
        {
            var vectors = Vectors(graph, model, columns, values);
            var pooled = Pooled(graph, model, columns, vectors);
            var cross = model.Crossing switch
            {
                Crossing.Plain => PlainCross(graph, vectors, entries),
                Crossing.FieldAware => FieldAwareCross(graph, model, vectors, pooled),
                _ => FieldCross(graph, model, pooled, entries),
            };
            var crossed = graph.Node("ReduceSum", [cross, graph.Constant("axis.factors", 1)], "score.cross", ("keepdims", [0]));
            score = graph.Node("Add", [score, crossed], "score");
        }

        graph.Output(score, OnnxGraph.Float32, "rows");
        Predict(graph, model, score);
        graph.Output(linear, OnnxGraph.Float32, "rows");
        if (model.Factors > 0)
        {
            graph.Output("cross", OnnxGraph.Float32, "rows", Text(model.Factors));
            graph.Output("pooled", OnnxGraph.Float32, "rows", Text(model.Space.FieldCount), Text(model.VectorLength));
        }

        return graph.ToModel("factorization_machine", Description, Metadata(model));
    }

    /// <summary>One more entry, of value 0: where rows have none at all, ONNX Runtime multiplies matrices without a common dimension to what was in memory.</summary>
    private static (string Columns, string Values) Padded(OnnxGraph graph, string columns, string values)
    {
        var pads = graph.Constant("padding", [0, 0, 0, 1]);
        return (graph.Node("Pad", [columns, pads], "columns.padded"), graph.Node("Pad", [values, pads], "values.padded"));
    }

    private static string Linear(OnnxGraph graph, FactorizationModel model, string columns, string values, string entries)
    {
        var weights = graph.Constant(
            "linear.weight",
            OnnxGraph.Float32,
            [model.Space.ColumnCount],
            stream => NumberStream.Write(stream, model.Weights)
        );
        var taken = graph.Node("Gather", [weights, columns], "linear.taken");
        return graph.Node("ReduceSum", [graph.Node("Mul", [taken, values], "linear.entries"), entries], "linear", ("keepdims", [0]));
    }

    /// <summary>x_i v_i of each entry: [rows, entries, k], of a field-aware model [rows, entries, F · k].</summary>
    private static string Vectors(OnnxGraph graph, FactorizationModel model, string columns, string values)
    {
        var rows = columns;
        if (!model.Space.ColumnFactors.IsEmpty)
        {
            var ofColumns = graph.Constant(
                "column_factors",
                OnnxGraph.Int32,
                [model.Space.ColumnCount],
                stream => NumberStream.Write(stream, model.Space.ColumnFactors)
            );
            rows = graph.Node("Gather", [ofColumns, columns], "factors.rows");
        }

        var factors = graph.Constant("factors.weight", OnnxGraph.Float32, [model.Space.FactorCount, model.VectorLength], model.WriteFactors);
        var taken = graph.Node("Gather", [factors, rows], "factors.taken");
        var times = graph.Node("Unsqueeze", [values, graph.Constant("axis.new", 2)], "values.each");
        return graph.Node("Mul", [taken, times], "factors.entries");
    }

    /// <summary>p_f of each field: [rows, fields, k], of a field-aware model [rows, fields, F · k].</summary>
    private static string Pooled(OnnxGraph graph, FactorizationModel model, string columns, string vectors)
    {
        var ofColumns = graph.Constant(
            "column_fields",
            OnnxGraph.Int32,
            [model.Space.ColumnCount],
            stream => NumberStream.Write(stream, model.Space.ColumnFields)
        );
        var fields = graph.Node("Gather", [ofColumns, columns], "fields");
        // Some operators take indices of 64 bits only.
        var indices = graph.Node("Cast", [fields], "fields.index", ("to", [OnnxGraph.Int64]));
        var count = graph.Constant("fields.count", model.Space.FieldCount, scalar: true);
        var zeroAndOne = graph.Constant("zero_and_one", OnnxGraph.Float32, [2], stream => NumberStream.Write(stream, [0f, 1f]));
        var ofEntries = graph.Node("OneHot", [indices, count, zeroAndOne], "fields.entries");
        var entriesOf = graph.Node("Transpose", [ofEntries], "entries.fields", ("perm", [0, 2, 1]));
        return graph.Node("MatMul", [entriesOf, vectors], "pooled");
    }

    /// <summary>
    /// ½ Σ_f p_f ⊙ Σ_g r_fg p_g, with r_fg = 1 of different fields where they have no weights: without the difference of large numbers that
    /// ½ ((Σ p)² − Σ p²) is.
    /// </summary>
    private static string FieldCross(OnnxGraph graph, FactorizationModel model, string pooled, string fields)
    {
        var count = model.Space.FieldCount;
        var weights = graph.Constant(
            "field_weights",
            OnnxGraph.Float32,
            [count, count],
            stream => NumberStream.Write(stream, model.FieldWeights.IsEmpty ? Ones(count) : model.FieldWeights)
        );
        var against = graph.Node("MatMul", [weights, pooled], "pooled.against");
        var twice = graph.Node("ReduceSum", [graph.Node("Mul", [pooled, against], "pooled.crossed"), fields], "cross.twice", ("keepdims", [0]));
        return graph.Node("Mul", [twice, graph.Constant("half", 0.5f)], "cross");
    }

    /// <summary>
    /// ½ Σ_{f≠g} p_fg ⊙ p_gf, p_fg being what p_f holds for field g, and of the vectors of entries for their own field each times the sum of those before it.
    /// </summary>
    private static string FieldAwareCross(OnnxGraph graph, FactorizationModel model, string vectors, string pooled)
    {
        var count = model.Space.FieldCount;
        // A dimension of 0 stays as it is.
        var byField = graph.Constant("shape.fields", [0, 0, count, model.Factors]);
        var axes = graph.Constant("axes.fields", [1, 2]);
        var others = graph.Constant("fields.others", OnnxGraph.Float32, [count, count, 1], stream => NumberStream.Write(stream, Ones(count)));
        var ofPairs = graph.Node("Reshape", [pooled, byField], "pooled.pairs");
        var opposite = graph.Node("Transpose", [ofPairs], "pooled.opposite", ("perm", [0, 2, 1, 3]));
        var crossed = graph.Node("Mul", [graph.Node("Mul", [ofPairs, opposite], "pooled.products"), others], "pooled.crossed");
        var twice = graph.Node("ReduceSum", [crossed, axes], "cross.twice", ("keepdims", [0]));
        var between = graph.Node("Mul", [twice, graph.Constant("half", 0.5f)], "cross.between");

        var ofEntries = graph.Node("Unsqueeze", ["fields.entries", graph.Constant("axis.last", 3)], "fields.own");
        var own = graph.Node("Mul", [graph.Node("Reshape", [vectors, byField], "factors.fields"), ofEntries], "factors.own");
        var before = graph.Node("CumSum", [own, graph.Constant("axis.before", 1, scalar: true)], "factors.before", ("exclusive", [1]));
        var within = graph.Node("ReduceSum", [graph.Node("Mul", [before, own], "factors.crossed"), axes], "cross.within", ("keepdims", [0]));
        return graph.Node("Add", [between, within], "cross");
    }

    /// <summary>Each entry times the sum of those before it.</summary>
    private static string PlainCross(OnnxGraph graph, string vectors, string entries)
    {
        var axis = graph.Constant("axis.before", 1, scalar: true);
        var before = graph.Node("CumSum", [vectors, axis], "factors.before", ("exclusive", [1]));
        return graph.Node("ReduceSum", [graph.Node("Mul", [before, vectors], "factors.crossed"), entries], "cross", ("keepdims", [0]));
    }

    private static void Predict(OnnxGraph graph, FactorizationModel model, string score)
    {
        switch (model.Loss.Function().Predicts)
        {
            case PredictionKind.Probability:
                graph.Node("Sigmoid", [score], "prediction");
                break;
            case PredictionKind.Value:
                graph.Node(
                    "Clip",
                    [score, graph.Constant("target_minimum", model.TargetMinimum), graph.Constant("target_maximum", model.TargetMaximum)],
                    "prediction"
                );
                break;
            default:
                return;
        }

        graph.Output("prediction", OnnxGraph.Float32, "rows");
    }

    private static IEnumerable<(string Key, long Length, Action<Stream> Write)> Metadata(FactorizationModel model)
    {
        foreach (var (key, text) in ModelMetadata.Of(model))
        {
            var bytes = Encoding.UTF8.GetBytes(text);
            yield return (key, bytes.Length, stream => stream.Write(bytes));
        }

        if (model.Features is not null)
        {
            yield return (SafetensorsHeader.FeatureIndexName, ModelMetadata.LengthOfLines(model), WriteLines);
        }

        void WriteLines(Stream stream)
        {
            foreach (var line in ModelMetadata.LinesOf(model.Features))
            {
                stream.Write(line);
            }
        }
    }

    private static float[] Ones(int fields)
    {
        var weights = new float[fields * fields];
        for (var i = 0; i < weights.Length; i++)
        {
            weights[i] = i % (fields + 1) == 0 ? 0 : 1;
        }

        return weights;
    }

    private static string Text(int number) => number.ToString(CultureInfo.InvariantCulture);
}
