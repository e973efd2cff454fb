using System.Buffers.Binary;
using System.Globalization;
using System.Text.Json;
using RecService.Engine.Data;
using RecService.Engine.Files;
using RecService.Engine.Losses;

namespace RecService.Engine.Model;

/// <summary>
/// Models as safetensors (https://github.com/huggingface/safetensors), which PyTorch, TensorFlow, JAX and others load without this library. In one
/// pass
/// forwards, with no buffer beyond a part of a tensor besides the model itself.
/// </summary>
/// <remarks>
/// <para>
/// The tensors: <c>bias</c> F32 [1]; <c>linear.weight</c> F32 [columns]; <c>factors.weight</c> F32 [factor rows, k], in a field-aware
/// model [factor rows, F · k], k for each field; <c>column_fields</c> I32 [columns], the field of each column; <c>column_factors</c> I32 [columns], the factor row of each column, left out when column i has row i; <c>factor_indices</c> I32 [factor rows], what
/// text files call each factor row, left out when it is its number; <c>field_weights</c> F32 [F,
/// F], of a
/// field-weighted model; <c>feature_index</c> U8 [bytes], when the model has one: UTF-8 text, a line of JSON for each feature, either
/// <c>{"column": 7, "group": "item.id", "category": "film-1"}</c> or <c>{"column": 9, "group": "item.attributes.year", "mean": 1990.5, "deviation":
/// 12.25}</c>, where a
/// number x has the value (x − mean) / deviation, clipped to ±10 (see <see cref="IndexedFeature"/>).
/// </para>
/// <para>
/// The metadata: <c>format</c>, which is <c>recservice</c>; <c>format_version</c>, 1; <c>interaction</c> and <c>loss</c>, names of
/// <see cref="Crossing"/> and <see cref="Loss"/>; <c>factors</c>, k; <c>fields</c>, the names of the fields as a JSON array;
/// <c>target_minimum</c> and
/// <c>target_maximum</c>, left out where there is no bound; <c>history</c>, the <see cref="Data.Histories.HistorySettings"/> as JSON, of a model of histories.
/// </para>
/// </remarks>
public static class SafetensorsFile
{
    /// <summary>The limit of the safetensors library.</summary>
    private const int MaximumHeaderLength = 100_000_000;

    private const int Alignment = 8;

    private const int BufferSize = 64 * 1024;

    /// <summary>Writes <paramref name="model"/>; the stream need not be seekable and stays open.</summary>
    /// <exception cref="ArgumentException">A name is no text: it holds half of a surrogate pair.</exception>
    public static void Export(Stream stream, FactorizationModel model)
    {
        ArgumentNullException.ThrowIfNull(stream);
        ArgumentNullException.ThrowIfNull(model);
        var header = JsonSerializer.SerializeToUtf8Bytes(HeaderOf(model), SafetensorsJson.Default.SafetensorsHeader);
        var padding = (Alignment - (header.Length % Alignment)) % Alignment;
        Span<byte> length = stackalloc byte[sizeof(ulong)];
        BinaryPrimitives.WriteUInt64LittleEndian(length, (ulong)(header.Length + padding));

        // Not disposed, which would close the stream below.
        var content = new BufferedStream(stream, BufferSize);
        content.Write(length);
        content.Write(header);
        content.Write("       "u8[..padding]);
        NumberStream.Write(content, [model.Bias]);
        NumberStream.Write(content, model.Weights);
        model.WriteFactors(content);
        NumberStream.Write(content, model.Space.ColumnFields);
        NumberStream.Write(content, model.Space.ColumnFactors);
        NumberStream.Write(content, model.Space.FactorIndices);
        NumberStream.Write(content, model.FieldWeights);
        foreach (var line in ModelMetadata.LinesOf(model.Features))
        {
            content.Write(line);
        }

        content.Flush();
    }

    /// <summary>
    /// Reads a model to the end of the stream, which need not be seekable and stays open. The order of the tensors does not matter.
    /// </summary>
    /// <exception cref="ModelFormatException">The stream holds no safetensors file, a damaged one, or one that is no model.</exception>
    public static FactorizationModel Import(Stream stream)
    {
        ArgumentNullException.ThrowIfNull(stream);
        // Not disposed, which would close the stream below.
        var content = new BufferedStream(stream, BufferSize);
        try
        {
            var model = Read(content);
            return content.ReadByte() < 0 ? model : throw new InvalidDataException("other data follows the tensors.");
        }
        catch (EndOfStreamException e)
        {
            throw new ModelFormatException("The safetensors file is truncated.", e);
        }
        catch (Exception e) when (e is InvalidDataException or JsonException or FormatException or ArgumentException or OverflowException)
        {
            throw new ModelFormatException($"The safetensors file is no model: {e.Message}", e);
        }
    }

    private static SafetensorsHeader HeaderOf(FactorizationModel model)
    {
        var space = model.Space;
        var metadata = ModelMetadata.Of(model);

        // In the order in which they are written.
        var end = 0L;
        return new(
            metadata,
            Next(SafetensorsTensor.Float32, 1),
            Next(SafetensorsTensor.Float32, space.ColumnCount),
            Next(SafetensorsTensor.Float32, space.FactorCount, model.VectorLength),
            Next(SafetensorsTensor.Int32, space.ColumnCount),
            space.ColumnFactors.IsEmpty ? null : Next(SafetensorsTensor.Int32, space.ColumnCount),
            space.FactorIndices.IsEmpty ? null : Next(SafetensorsTensor.Int32, space.FactorCount),
            model.FieldWeights.IsEmpty ? null : Next(SafetensorsTensor.Float32, space.FieldCount, space.FieldCount),
            model.Features is null ? null : Next(SafetensorsTensor.Byte, ModelMetadata.LengthOfLines(model))
        );

        SafetensorsTensor Next(string dtype, params long[] shape)
        {
            var begin = end;
            end += SafetensorsTensor.SizeOf(dtype, shape);
            return new(dtype, shape, [begin, end]);
        }
    }

    private static FactorizationModel Read(Stream content)
    {
        var header = ReadHeader(content);
        var metadata = header.Metadata;
        if (Value(metadata, "format") != ModelMetadata.Format || Value(metadata, "format_version") != ModelMetadata.FormatVersion)
        {
            throw new InvalidDataException(
                $"its format is {metadata["format"]} {Value(metadata, "format_version")}, not {ModelMetadata.Format} {ModelMetadata.FormatVersion}."
            );
        }

        var fields = JsonSerializer.Deserialize(Value(metadata, "fields"), SafetensorsJson.Default.StringArray)
            ?? throw new InvalidDataException("its fields are null.");
        var factors = int.Parse(Value(metadata, "factors"), NumberStyles.None, CultureInfo.InvariantCulture);
        var crossing = Named<Crossing>(metadata, "interaction");
        var vectorLength = FactorizationModel.VectorLengthOf(crossing, fields.Length, factors);
        var floats = new Dictionary<string, float[]>(StringComparer.Ordinal);
        var integers = new Dictionary<string, int[]>(StringComparer.Ordinal);
        FeatureIndex? index = null;
        foreach (var (name, tensor) in header.Layout(fields.Length, vectorLength))
        {
            try
            {
                if (name == SafetensorsHeader.FeatureIndexName)
                {
                    index = FeatureIndex.Of(ReadLines(content, tensor.End - tensor.Begin).Select(FeatureOf));
                }
                else if (name == SafetensorsHeader.FactorsName)
                {
                    floats[name] = NumberStream.Read<float>(content, tensor.Rows, vectorLength, FactorizationModel.StrideOf(vectorLength));
                }
                else if (tensor.Dtype == SafetensorsTensor.Int32)
                {
                    integers[name] = NumberStream.Read<int>(content, tensor.Count);
                }
                else
                {
                    floats[name] = NumberStream.Read<float>(content, tensor.Count);
                }
            }
            catch (EndOfStreamException e)
            {
                throw new ModelFormatException($"The safetensors file is truncated: it ends within '{name}'.", e);
            }
        }

        var space = new FeatureSpace(
            fields,
            integers[SafetensorsHeader.ColumnFieldsName],
            integers.GetValueOrDefault(SafetensorsHeader.ColumnFactorsName),
            integers.GetValueOrDefault(SafetensorsHeader.FactorIndicesName)
        );
        if (space.FactorCount != header.Factors.Rows)
        {
            throw new InvalidDataException(
                FormattableString.Invariant($"its columns have {space.FactorCount} factor rows, not {header.Factors.Rows}.")
            );
        }

        return new(
            space,
            crossing,
            Named<Loss>(metadata, "loss"),
            factors,
            floats[SafetensorsHeader.BiasName][0],
            floats[SafetensorsHeader.WeightsName],
            floats[SafetensorsHeader.FactorsName],
            Bound(metadata, "target_minimum") ?? float.NegativeInfinity,
            Bound(metadata, "target_maximum") ?? float.PositiveInfinity,
            index,
            floats.GetValueOrDefault(SafetensorsHeader.FieldWeightsName),
            metadata.TryGetValue("history", out var history) ? JsonSerializer.Deserialize(history, ModelHeaderJson.Default.HistorySettings) : null
        );
    }

    private static SafetensorsHeader ReadHeader(Stream content)
    {
        Span<byte> prefix = stackalloc byte[sizeof(ulong)];
        content.ReadExactly(prefix);
        var length = BinaryPrimitives.ReadUInt64LittleEndian(prefix);
        if (length is 0 or > MaximumHeaderLength)
        {
            throw new InvalidDataException(FormattableString.Invariant($"its header would have {length} bytes."));
        }

        var header = NumberStream.Read<byte>(content, (int)length);
        if (header[0] != '{')
        {
            throw new InvalidDataException("its header is no JSON object.");
        }

        return JsonSerializer.Deserialize(header, SafetensorsJson.Default.SafetensorsHeader)!;
    }

    private static string Value(Dictionary<string, string> metadata, string key) =>
        metadata.TryGetValue(key, out var value) ? value : throw new InvalidDataException($"its metadata do not tell the {key}.");

    private static T Named<T>(Dictionary<string, string> metadata, string key)
        where T : struct, Enum =>
        // Enum.Parse alone would take numbers, too.
        Enum.GetNames<T>().Contains(Value(metadata, key), StringComparer.Ordinal)
            ? Enum.Parse<T>(Value(metadata, key))
            : throw new InvalidDataException($"there is no {key} '{Value(metadata, key)}'.");

    private static float? Bound(Dictionary<string, string> metadata, string key)
    {
        if (!metadata.TryGetValue(key, out var value))
        {
            return null;
        }

        return float.TryParse(value, NumberStyles.Float, CultureInfo.InvariantCulture, out var bound) && float.IsFinite(bound)
            ? bound
            : throw new InvalidDataException($"its {key} is '{value}'.");
    }

    private static IEnumerable<ReadOnlyMemory<byte>> ReadLines(Stream content, long length)
    {
        using var line = new MemoryStream();
        for (; length > 0; length--)
        {
            var next = content.ReadByte();
            if (next < 0)
            {
                throw new EndOfStreamException();
            }

            if (next != '\n')
            {
                line.WriteByte((byte)next);
                continue;
            }

            yield return line.GetBuffer().AsMemory(0, (int)line.Length);
            line.SetLength(0);
        }

        if (line.Length > 0)
        {
            throw new InvalidDataException("the last line of its feature index has no end.");
        }
    }

    private static IndexedFeature FeatureOf(ReadOnlyMemory<byte> line, int number)
    {
        var place = FormattableString.Invariant($"line {number + 1} of its feature index");
        try
        {
            return JsonSerializer.Deserialize(line.Span, SafetensorsJson.Default.SafetensorsFeature) switch
            {
                { Category: { } category, Mean: null, Deviation: null } feature => new(feature.Column, feature.Group, category),
                { Category: null, Mean: { } mean, Deviation: { } deviation } feature => new(
                    feature.Column,
                    feature.Group,
                    Category: null,
                    mean,
                    deviation
                ),
                _ => throw new InvalidDataException($"{place} is neither a category nor a number with mean and deviation."),
            };
        }
        catch (JsonException e)
        {
            throw new InvalidDataException($"{place}: {e.Message}", e);
        }
    }
}
