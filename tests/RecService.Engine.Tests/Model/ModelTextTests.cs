using System.Globalization;
using System.Text.Json;
using RecService.Engine.Data;
using RecService.Engine.Data.Histories;
using RecService.Engine.Losses;
using RecService.Engine.Model;
using RecService.Engine.Scoring;

namespace RecService.Engine.Tests.Model;

public sealed class ModelTextTests
{
    [Fact]
    public void A_model_of_histories_tells_how_they_are_pooled()
    {
        var history = new HistorySettings { Length = 9, Types = [new("view")] };
        var model = SampleModels.WithHistory(SampleModels.Create(Crossing.FieldPooled, Loss.Softmax, 1), history);

        var line = Export(model).Split('\n').Single(line => line.StartsWith("history\t", StringComparison.Ordinal));

        line.ShouldStartWith("history\t{\"length\":9,\"alpha\":0.5,\"gamma\":0.8,");
        line.ShouldContain("\"types\":[{\"type\":\"view\",\"weight\":1");
        Export(SampleModels.Create(Crossing.FieldPooled, Loss.Softmax, 1)).ShouldNotContain("history\t");
    }

    [Fact]
    public void A_small_model_reads_so()
    {
        var space = new FeatureSpace(["user", "item", "tag"], [0, 0, 1, 1, 2, 2], [0, 1, 2, 3, 4, 4]);
        var index = FeatureIndex.Of([
            new(0, "user.id", "ann \"A\"\t🎬 \\"),
            new(1, "user.attributes.age", null, 38.25, 12.5),
            new(2, "item.id", "film"),
            new(3, "item.id", "rare"),
            new(3, "item.attributes.genre", "odd"),
        ]);
        var table = new float[5 * 16];
        for (var row = 0; row < 5; row++)
        {
            (table[16 * row], table[(16 * row) + 1]) = (row + 0.1f, -1e-7f);
        }

        var model = new FactorizationModel(
            space,
            Crossing.FieldWeighted,
            Loss.Squared,
            2,
            3.5f,
            [1, 0.25f, -0.1f, 1e20f, 0, 0],
            table,
            0.5f,
            features: index,
            fieldWeights: [0, 0.8f, 1, 0.8f, 0, -2, 1, -2, 0]
        );

        Export(model)
            .ShouldBe(
                """
                recservice-model	1
                interaction	FieldWeighted
                loss	Squared
                factors	2
                targets	0.5	Infinity
                field	0	"user"
                field	1	"item"
                field	2	"tag"
                bias	3.5
                column	0	"user"	"user.id"	"ann \"A\"\u0009🎬 \\"	1	0.1	-1E-07
                column	1	"user"	"user.attributes.age"	number 38.25 12.5	0.25	1.1	-1E-07
                column	2	"item"	"item.id"	"film"	-0.1	2.1	-1E-07
                column	3	"item"	-	other	1E+20	3.1	-1E-07
                column	4	"tag"	-	-	0	4.1	-1E-07
                column	5	"tag"	-	-	0	4.1	-1E-07
                fieldweight	"user"	"item"	0.8
                fieldweight	"user"	"tag"	1
                fieldweight	"item"	"tag"	-2

                """
            );
    }

    [Fact]
    public void Scores_can_be_computed_from_the_text_alone()
    {
        foreach (var crossing in Enum.GetValues<Crossing>())
        {
            var model = SampleModels.Create(crossing, Loss.Logistic, 5);
            var row = new RowBuffer();
            model.Features!.AppendUser(EntityFeatures.FromJson("zoë 🎬", ["y"], """{"age": 27}"""), row);
            model.Features.AppendItem(EntityFeatures.FromJson("film", ["war"], "{}"), row);
            model.Features.AppendContext(EntityFeatures.FromJson(null, ["war"], "{}"), row);
            row.Count.ShouldBe(6);

            Score(Export(model), row.Row).ShouldBe(new Scorer(model).Score(row.Row), 1e-5);
        }
    }

    [Fact]
    public void Every_name_reads_as_JSON()
    {
        foreach (var name in new[] { "", "\n\r\0\u2028\u0085", "half \uD800", "\uDC00 half", "a/b <c> 'd' \"e\" \\f", "日本語 🎬" })
        {
            var index = FeatureIndex.Of([new(0, "user.id", name)]);
            var model = new FactorizationModel(FeatureSpace.OfOneField(1), Crossing.Plain, Loss.Squared, 0, 0, [0], [], features: index);

            var lines = Export(model).Split('\n');
            var quoted = lines.Single(line => line.StartsWith("column\t", StringComparison.Ordinal)).Split('\t')[4];

            lines.Length.ShouldBe(9);
            quoted.ShouldStartWith("\"");
            // A half pair has no UTF-8, which is all that the JSON reader gives.
            if (name.Contains("half", StringComparison.Ordinal))
            {
                quoted.ShouldMatch("\\\\ud[8c]00");
            }
            else
            {
                JsonSerializer.Deserialize<string>(quoted).ShouldBe(name);
            }
        }
    }

    [Fact]
    public void The_culture_of_the_machine_does_not_matter()
    {
        var model = SampleModels.Create(Crossing.Plain, Loss.Squared, 3);
        var expected = Export(model);
        var culture = CultureInfo.CurrentCulture;
        try
        {
            CultureInfo.CurrentCulture = new CultureInfo("")
            {
                NumberFormat =
                {
                    NumberDecimalSeparator = ",",
                    NegativeSign = "−",
                    PositiveInfinitySymbol = "∞",
                },
            };
            Export(model).ShouldBe(expected);
        }
        finally
        {
            CultureInfo.CurrentCulture = culture;
        }
    }

    private static string Export(FactorizationModel model)
    {
        using var writer = new StringWriter();
        ModelText.Export(writer, model);
        return writer.ToString();
    }

    /// <summary>Every pair of entries that crosses, one after the other, with the numbers of the text.</summary>
    private static double Score(string text, SparseRow row)
    {
        var lines = text.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => line.Split('\t')).ToList();
        var crossing = lines.Single(line => line[0] == "interaction")[1];
        var score = Number(lines.Single(line => line[0] == "bias")[1]);
        var columns = lines.Where(line => line[0] == "column").ToArray();
        var pairs = lines.Where(line => line[0] == "fieldweight").ToDictionary(line => (line[1], line[2]), line => Number(line[3]));
        for (var i = 0; i < row.Length; i++)
        {
            var a = columns[row.Columns[i]];
            score += Number(a[5]) * row.ValueAt(i);
            for (var j = 0; j < i; j++)
            {
                var b = columns[row.Columns[j]];
                var weight =
                    crossing is "Plain" or "FieldAware" ? 1
                    : a[2] == b[2] ? 0
                    : crossing == "FieldPooled" ? 1
                    : pairs.GetValueOrDefault((a[2], b[2])) + pairs.GetValueOrDefault((b[2], a[2]));
                var products = Vector(a, b[2]).Zip(Vector(b, a[2]), (v, w) => Number(v) * Number(w));
                score += weight * row.ValueAt(i) * row.ValueAt(j) * products.Sum();
            }
        }

        return score;

        IEnumerable<string> Vector(string[] column, string otherField)
        {
            var k = int.Parse(lines.Single(line => line[0] == "factors")[1], CultureInfo.InvariantCulture);
            var field = int.Parse(lines.Single(line => line[0] == "field" && line[2] == otherField)[1], CultureInfo.InvariantCulture);
            return column.Skip(6 + (crossing == "FieldAware" ? k * field : 0)).Take(k);
        }

        static double Number(string text) => double.Parse(text, CultureInfo.InvariantCulture);
    }
}
