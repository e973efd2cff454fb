using System.Globalization;
using System.Text;
using System.Text.Json;
using RecService.Engine.Losses;

namespace RecService.Engine.Model;

/// <summary>
/// Models as text, for people and for scripts: tab-separated lines, each beginning with a word that says what it holds. To be written only.
/// </summary>
/// <remarks>
/// <para>In this order, with names as JSON strings, and with numbers as the shortest decimals that read as the same float32:</para>
/// <list type="bullet">
/// <item><c>recservice-model VERSION</c>, which is 1;</item>
/// <item><c>interaction NAME</c> and <c>loss NAME</c>, of <see cref="Crossing"/> and <see cref="Loss"/>; <c>factors K</c>;</item>
/// <item><c>history JSON</c>, of a model of histories only, the <see cref="Data.Histories.HistorySettings"/>;</item>
/// <item><c>targets MINIMUM MAXIMUM</c>, the range of the training targets, <c>-Infinity</c> and <c>Infinity</c> where there is no bound;</item>
/// <item><c>field NUMBER NAME</c> for each field, from 0; <c>bias W0</c>;</item>
/// <item>
/// <c>column NUMBER FIELD GROUP FEATURE W V1 … VK</c> for each column, from 0. GROUP and FEATURE are what the feature index knows
/// (see <see cref="Data.IndexedFeature"/>): FEATURE is a category; or <c>number MEAN DEVIATION</c>, with spaces between, of a column that holds
/// (number − mean) / deviation. They are <c>- other</c> for a column that the rare categories of a field share, and <c>- -</c> where nothing is
/// known. V are k numbers, in a field-aware model k for each field, in the order of the fields;
/// </item>
/// <item><c>index ROW INDEX</c> for each factor row of a model whose text files have other indices than these;</item>
/// <item><c>fieldweight FIELD FIELD R</c> for each two fields of a field-weighted model.</item>
/// </list>
/// </remarks>
public static class ModelText
{
    /// <summary>Writes <paramref name="model"/>. Lines end with a line feed whatever the system; the writer stays open.</summary>
    public static void Export(TextWriter writer, FactorizationModel model)
    {
        ArgumentNullException.ThrowIfNull(writer);
        ArgumentNullException.ThrowIfNull(model);
        var space = model.Space;
        string[] fields = [.. space.Fields.Select(Quoted)];
        var features = FeaturesOf(model);
        var culture = CultureInfo.InvariantCulture;
        var text = new StringBuilder();
        text.Append(culture, $"recservice-model\t1\ninteraction\t{model.Crossing}\nloss\t{model.Loss}\nfactors\t{model.Factors}\n");
        if (model.History is { } history)
        {
            text.Append(culture, $"history\t{JsonSerializer.Serialize(history, ModelHeaderJson.Default.HistorySettings)}\n");
        }

        text.Append(culture, $"targets\t{model.TargetMinimum}\t{model.TargetMaximum}\n");
        for (var field = 0; field < fields.Length; field++)
        {
            text.Append(culture, $"field\t{field}\t{fields[field]}\n");
        }

        text.Append(culture, $"bias\t{model.Bias}\n");
        for (var column = 0; column < space.ColumnCount; column++)
        {
            text.Append(culture, $"column\t{column}\t{fields[space.ColumnFields[column]]}\t{features[column] ?? "-\t-"}\t{model.Weights[column]}");
            foreach (var factor in model.FactorsOf(column))
            {
                text.Append(culture, $"\t{factor}");
            }

            text.Append('\n');
            writer.Write(text);
            text.Clear();
        }

        for (var row = 0; row < space.FactorIndices.Length; row++)
        {
            writer.Write(string.Create(culture, $"index\t{row}\t{space.FactorIndices[row]}\n"));
        }

        for (var f = 0; f < fields.Length && !model.FieldWeights.IsEmpty; f++)
        {
            for (var g = f + 1; g < fields.Length; g++)
            {
                text.Append(culture, $"fieldweight\t{fields[f]}\t{fields[g]}\t{model.FieldWeight(f, g)}\n");
            }
        }

        writer.Write(text);
    }

    /// <summary>Group and feature of each column, null where the index names none.</summary>
    private static string?[] FeaturesOf(FactorizationModel model)
    {
        var features = new string?[model.Space.ColumnCount];
        foreach (var feature in model.Features?.Features ?? [])
        {
            ref var text = ref features[feature.Column];
            if (text is not null)
            {
                text = "-\tother";
            }
            else if (feature.Category is { } category)
            {
                text = $"{Quoted(feature.Group)}\t{Quoted(category)}";
            }
            else
            {
                text = string.Create(CultureInfo.InvariantCulture, $"{Quoted(feature.Group)}\tnumber {feature.Mean} {feature.Deviation}");
            }
        }

        return features;
    }

    /// <summary>A name as a JSON string, in which only what would break a line or is no text of its own is escaped.</summary>
    private static string Quoted(string name)
    {
        var quoted = new StringBuilder("\"");
        for (var i = 0; i < name.Length; i++)
        {
            var isPair = char.IsHighSurrogate(name[i]) && i + 1 < name.Length && char.IsLowSurrogate(name[i + 1]);
            if (isPair)
            {
                quoted.Append(name[i]).Append(name[++i]);
            }
            else if (name[i] is '"' or '\\')
            {
                quoted.Append('\\').Append(name[i]);
            }
            else if (char.IsControl(name[i]) || char.IsSurrogate(name[i]) || name[i] is '\u2028' or '\u2029')
            {
                quoted.Append(CultureInfo.InvariantCulture, $"\\u{(int)name[i]:x4}");
            }
            else
            {
                quoted.Append(name[i]);
            }
        }

        return quoted.Append('"').ToString();
    }
}
