using System.Globalization;
using System.Text;
using System.Text.Json;
using RecService.Engine.Data;
using RecService.Engine.Files;

namespace RecService.Engine.Model;

/// <summary>What files of other formats tell of a model in words, beside its numbers.</summary>
internal static class ModelMetadata
{
    public const string Format = "recservice";
    public const string FormatVersion = "1";

    /// <summary>What <see cref="SafetensorsFile"/> documents as the metadata.</summary>
    /// <exception cref="ArgumentException">A name is no text: it holds half of a surrogate pair.</exception>
    public static Dictionary<string, string> Of(FactorizationModel model)
    {
        var space = model.Space;
        foreach (var field in space.Fields)
        {
            CheckText(field);
        }

        var metadata = new Dictionary<string, string>(StringComparer.Ordinal)
        {
            ["format"] = Format,
            ["format_version"] = FormatVersion,
            ["interaction"] = model.Crossing.ToString(),
            ["loss"] = model.Loss.ToString(),
            ["factors"] = model.Factors.ToString(CultureInfo.InvariantCulture),
            ["fields"] = JsonSerializer.Serialize([.. space.Fields], SafetensorsJson.Default.StringArray),
        };
        if (!float.IsNegativeInfinity(model.TargetMinimum))
        {
            metadata["target_minimum"] = model.TargetMinimum.ToString(CultureInfo.InvariantCulture);
        }

        if (!float.IsPositiveInfinity(model.TargetMaximum))
        {
            metadata["target_maximum"] = model.TargetMaximum.ToString(CultureInfo.InvariantCulture);
        }

        if (model.History is { } history)
        {
            metadata["history"] = JsonSerializer.Serialize(history, ModelHeaderJson.Default.HistorySettings);
        }

        return metadata;
    }

    /// <summary>A line of JSON for each feature; none without an index.</summary>
    public static IEnumerable<byte[]> LinesOf(FeatureIndex? index)
    {
        foreach (var feature in index?.Features ?? [])
        {
            CheckText(feature.Group);
            CheckText(feature.Category ?? "");
            SafetensorsFeature line = feature.Category is null
                ? new(feature.Column, feature.Group, Mean: feature.Mean, Deviation: feature.Deviation)
                : new(feature.Column, feature.Group, feature.Category);
            yield return [.. JsonSerializer.SerializeToUtf8Bytes(line, SafetensorsJson.Default.SafetensorsFeature), (byte)'\n'];
        }
    }

    /// <summary>Bytes of the lines of a model.</summary>
    public static long LengthOfLines(FactorizationModel model) => LinesOf(model.Features).Sum(line => (long)line.Length);

    /// <summary>The JSON serialiser would write another character in the place of one that UTF-8 has not.</summary>
    private static void CheckText(string name)
    {
        try
        {
            SealedFormat.StrictUtf8.GetByteCount(name);
        }
        catch (EncoderFallbackException e)
        {
            throw new ArgumentException($"The name '{name}' is no text: {e.Message}", nameof(name), e);
        }
    }
}
