using System.Text.Json.Serialization;

namespace RecService.Engine.Model;

/// <summary>The header of a safetensors file that holds a model: each tensor by its name, and what the tensors do not say.</summary>
internal sealed record SafetensorsHeader(
    [property: JsonPropertyName("__metadata__")] Dictionary<string, string> Metadata,
    [property: JsonPropertyName(SafetensorsHeader.BiasName)] SafetensorsTensor Bias,
    [property: JsonPropertyName(SafetensorsHeader.WeightsName)] SafetensorsTensor Weights,
    [property: JsonPropertyName(SafetensorsHeader.FactorsName)] SafetensorsTensor Factors,
    [property: JsonPropertyName(SafetensorsHeader.ColumnFieldsName)] SafetensorsTensor ColumnFields,
    [property: JsonPropertyName(SafetensorsHeader.ColumnFactorsName)] SafetensorsTensor? ColumnFactors = null,
    [property: JsonPropertyName(SafetensorsHeader.FactorIndicesName)] SafetensorsTensor? FactorIndices = null,
    [property: JsonPropertyName(SafetensorsHeader.FieldWeightsName)] SafetensorsTensor? FieldWeights = null,
    [property: JsonPropertyName(SafetensorsHeader.FeatureIndexName)] SafetensorsTensor? FeatureIndex = null
)
{
    public const string BiasName = "bias";
    public const string WeightsName = "linear.weight";
    public const string FactorsName = "factors.weight";
    public const string ColumnFieldsName = "column_fields";
    public const string ColumnFactorsName = "column_factors";
    public const string FactorIndicesName = "factor_indices";
    public const string FieldWeightsName = "field_weights";
    public const string FeatureIndexName = "feature_index";

    /// <summary>The tensors that there are, in the order of their data.</summary>
    /// <param name="fields">F.</param>
    /// <param name="vectorLength">Numbers of a latent vector.</param>
    /// <exception cref="InvalidDataException">A type, a shape or a size is wrong, or the data overlap or leave holes.</exception>
    public IReadOnlyList<(string Name, SafetensorsTensor Tensor)> Layout(int fields, int vectorLength)
    {
        var columns = Weights.Shape.FirstOrDefault();
        (string Name, SafetensorsTensor? Tensor, string Dtype, long[] Shape)[] expected =
        [
            (BiasName, Bias, SafetensorsTensor.Float32, [1]),
            (WeightsName, Weights, SafetensorsTensor.Float32, [columns]),
            (FactorsName, Factors, SafetensorsTensor.Float32, [Factors.Shape.FirstOrDefault(), vectorLength]),
            (ColumnFieldsName, ColumnFields, SafetensorsTensor.Int32, [columns]),
            (ColumnFactorsName, ColumnFactors, SafetensorsTensor.Int32, [columns]),
            (FactorIndicesName, FactorIndices, SafetensorsTensor.Int32, [Factors.Shape.FirstOrDefault()]),
            (FieldWeightsName, FieldWeights, SafetensorsTensor.Float32, [fields, fields]),
            (FeatureIndexName, FeatureIndex, SafetensorsTensor.Byte, [FeatureIndex?.Shape.FirstOrDefault() ?? 0]),
        ];
        var layout = new List<(string Name, SafetensorsTensor Tensor)>();
        foreach (var (name, tensor, dtype, shape) in expected)
        {
            if (tensor is null)
            {
                continue;
            }

            tensor.Check(name, dtype, shape);
            layout.Add((name, tensor));
        }

        layout.Sort(static (a, b) => (a.Tensor.Begin, a.Tensor.End).CompareTo((b.Tensor.Begin, b.Tensor.End)));
        var end = 0L;
        foreach (var (name, tensor) in layout)
        {
            if (tensor.Begin != end)
            {
                throw new InvalidDataException(
                    FormattableString.Invariant($"the data of '{name}' begin at {tensor.Begin}, those before end at {end}.")
                );
            }

            end = tensor.End;
        }

        return layout;
    }
}

/// <summary>A tensor in the header: its type, its shape, and where its data begin and end, counted from the end of the header.</summary>
internal sealed record SafetensorsTensor(string Dtype, long[] Shape, long[] DataOffsets)
{
    public const string Float32 = "F32";
    public const string Int32 = "I32";
    public const string Byte = "U8";

    [JsonIgnore]
    public long Begin => DataOffsets[0];

    [JsonIgnore]
    public long End => DataOffsets[1];

    [JsonIgnore]
    public int Rows => checked((int)Shape[0]);

    /// <summary>Numbers in all.</summary>
    [JsonIgnore]
    public int Count => checked((int)Shape.Aggregate(static (a, b) => checked(a * b)));

    /// <summary>Bytes that the data of a tensor take.</summary>
    public static long SizeOf(string dtype, ReadOnlySpan<long> shape)
    {
        var size = dtype == Byte ? 1L : sizeof(float);
        foreach (var dimension in shape)
        {
            size = checked(size * dimension);
        }

        return size;
    }

    public void Check(string name, string dtype, long[] shape)
    {
        if (Dtype != dtype)
        {
            throw new InvalidDataException($"'{name}' has the type {Dtype}; it must be {dtype}.");
        }

        if (!Shape.AsSpan().SequenceEqual(shape) || shape.Any(dimension => dimension < 0))
        {
            throw new InvalidDataException($"'{name}' has the shape [{string.Join(", ", Shape.Take(8))}]; it must be [{string.Join(", ", shape)}].");
        }

        var size = SizeOf(dtype, shape);
        if (DataOffsets is not [>= 0 and var begin, var end] || end < begin || end - begin != size)
        {
            throw new InvalidDataException(
                $"'{name}' has the offsets [{string.Join(", ", DataOffsets.Take(8))}]; there must be two, with {size} bytes between them."
            );
        }
    }
}

/// <summary>A line of the feature index: a category, or a number with its mean and deviation.</summary>
internal sealed record SafetensorsFeature(int Column, string Group, string? Category = null, double? Mean = null, double? Deviation = null);

[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    AllowDuplicateProperties = false,
    RespectNullableAnnotations = true,
    RespectRequiredConstructorParameters = true,
    UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow
)]
[JsonSerializable(typeof(SafetensorsHeader))]
[JsonSerializable(typeof(SafetensorsFeature))]
[JsonSerializable(typeof(string[]))]
internal sealed partial class SafetensorsJson : JsonSerializerContext;
