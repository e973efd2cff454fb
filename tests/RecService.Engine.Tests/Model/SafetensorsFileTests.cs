using System.Buffers.Binary;
using System.Diagnostics;
using System.Text;
using System.Text.Json.Nodes;
using RecService.Engine.Data;
using RecService.Engine.Data.Histories;
using RecService.Engine.Losses;
using RecService.Engine.Model;
using RecService.Engine.Numerics;
using RecService.Engine.Scoring;

namespace RecService.Engine.Tests.Model;

public sealed class SafetensorsFileTests
{
    /// <summary>Reads the file by the format's own description: prints the metadata, and of each tensor its type, shape and numbers.</summary>
    private const string IndependentReader = """
        const file = require("fs").readFileSync(process.argv[1]);
        const headerLength = Number(file.readBigUInt64LE(0));
        const { __metadata__, ...tensors } = JSON.parse(file.subarray(8, 8 + headerLength).toString("utf8"));
        const data = file.subarray(8 + headerLength);
        const read = { F32: (bytes, i) => bytes.readFloatLE(4 * i), I32: (bytes, i) => bytes.readInt32LE(4 * i), U8: (bytes, i) => bytes[i] };
        for (const [name, tensor] of Object.entries(tensors)) {
          const bytes = data.subarray(...tensor.data_offsets);
          const count = tensor.shape.reduce((a, b) => a * b, 1);
          tensor.values = Array.from({ length: count }, (_, i) => read[tensor.dtype](bytes, i));
        }
        tensors.features = tensors.feature_index
          ? Buffer.from(tensors.feature_index.values).toString("utf8").trimEnd().split("\n").map(line => JSON.parse(line)) : [];
        console.log(JSON.stringify({ metadata: __metadata__, tensors }));
        """;

    public static TheoryData<Crossing, Loss, int, bool, bool> Models
    {
        get
        {
            var models = new TheoryData<Crossing, Loss, int, bool, bool>();
            foreach (var crossing in Enum.GetValues<Crossing>())
            {
                foreach (var (index, shared) in new[] { (true, true), (false, true), (false, false) })
                {
                    models.Add(crossing, Loss.Squared, 16, index, shared);
                    models.Add(crossing, Loss.Logistic, 3, index, shared);
                    models.Add(crossing, Loss.Bpr, 0, index, shared);
                }
            }

            return models;
        }
    }

    [Theory]
    [MemberData(nameof(Models))]
    public void A_model_comes_back_as_it_was(Crossing crossing, Loss loss, int factors, bool index, bool shared)
    {
        var model = SampleModels.Create(crossing, loss, factors, index, shared);

        var imported = Import(Export(model));

        SampleModels.Saved(imported).ShouldBe(SampleModels.Saved(model));
        var row = RandomModels.Row(model.Space, new(5), numeric: true).Row;
        new Scorer(imported).Score(row).ShouldBe(new Scorer(model).Score(row));
    }

    [Fact]
    public void How_histories_are_pooled_comes_back_too()
    {
        var history = new HistorySettings { Length = 9, RecentHalfLife = TimeSpan.FromHours(1), Types = [new("view"), new("rating", 2, 4)] };
        var model = SampleModels.WithHistory(SampleModels.Create(Crossing.FieldWeighted, Loss.Softmax, 3), history);

        var imported = Import(Export(model));

        SampleModels.Saved(imported).ShouldBe(SampleModels.Saved(model));
        imported.History!.Types!.ShouldBe(history.Types);
    }

    [Fact]
    public void Bounds_of_the_target_may_be_absent()
    {
        var model = new FactorizationModel(new FeatureSpace(["a"], [0, 0]), Crossing.Plain, Loss.Squared, 2, 0.1f, [1, 2], new float[32]);

        SampleModels.Saved(Import(Export(model))).ShouldBe(SampleModels.Saved(model));
    }

    [Fact]
    public void A_model_without_columns_comes_back_too()
    {
        var model = new FactorizationModel(new FeatureSpace(["a"], []), Crossing.FieldPooled, Loss.Squared, 4, 0.1f, [], []);

        SampleModels.Saved(Import(Export(model))).ShouldBe(SampleModels.Saved(model));
    }

    [Fact]
    public void An_independent_program_reads_every_tensor()
    {
        foreach (var crossing in Enum.GetValues<Crossing>())
        {
            var model = SampleModels.Create(crossing, Loss.Logistic, 5);
            var file = Path.GetTempFileName();
            try
            {
                File.WriteAllBytes(file, Export(model));
                var read = JsonNode.Parse(Node(IndependentReader, file))!;
                var tensors = read["tensors"]!;
                Check(tensors["bias"], "F32", [1], [model.Bias]);
                Check(tensors["linear.weight"], "F32", [model.Space.ColumnCount], model.Weights.ToArray());
                Check(
                    tensors["factors.weight"],
                    "F32",
                    [model.Space.FactorCount, model.VectorLength],
                    [.. Enumerable.Range(0, model.Space.FactorCount).SelectMany(row => model.FactorTable.Slice(row * model.Stride, model.VectorLength).ToArray())]
                );
                Check(
                    tensors["column_fields"],
                    "I32",
                    [model.Space.ColumnCount],
                    [.. model.Space.ColumnFields.ToArray().Select(field => (float)field)]
                );
                Check(
                    tensors["column_factors"],
                    "I32",
                    [model.Space.ColumnCount],
                    [.. model.Space.ColumnFactors.ToArray().Select(row => (float)row)]
                );
                if (crossing == Crossing.FieldWeighted)
                {
                    Check(tensors["field_weights"], "F32", [model.Space.FieldCount, model.Space.FieldCount], model.FieldWeights.ToArray());
                }

                read["metadata"]!["format"]!.GetValue<string>().ShouldBe("recservice");
                read["metadata"]!["interaction"]!.GetValue<string>().ShouldBe(crossing.ToString());
                JsonNode
                    .Parse(read["metadata"]!["fields"]!.GetValue<string>())!
                    .AsArray()
                    .Select(f => f!.GetValue<string>())
                    .ShouldBe(model.Space.Fields);
                tensors["features"]!
                    .AsArray()
                    .Select(f => new IndexedFeature(
                        (int)f!["column"]!,
                        (string)f["group"]!,
                        (string?)f["category"],
                        (double?)f["mean"] ?? 0,
                        (double?)f["deviation"] ?? 1
                    ))
                    .ShouldBe(model.Features!.Features);
            }
            finally
            {
                File.Delete(file);
            }
        }

        static void Check(JsonNode? tensor, string dtype, long[] shape, float[] values)
        {
            tensor!["dtype"]!.GetValue<string>().ShouldBe(dtype);
            tensor["shape"]!.AsArray().Select(d => d!.GetValue<long>()).ShouldBe(shape);
            tensor["values"]!.AsArray().Select(v => (float)v!.GetValue<double>()).ShouldBe(values);
        }
    }

    [Fact]
    public void The_header_is_padded_so_that_the_data_are_aligned()
    {
        for (var factors = 0; factors < 20; factors++)
        {
            var file = Export(SampleModels.Create(Crossing.Plain, Loss.Squared, factors));
            var header = Header(file);
            (header.Length % 8).ShouldBe(0);
            header[0].ShouldBe('{');
            header.TrimEnd(' ')[^1].ShouldBe('}');
        }
    }

    [Fact]
    public void Tensors_may_stand_in_any_order()
    {
        // As the Python library writes them: by type, then by name.
        var model = SampleModels.Create(Crossing.FieldWeighted, Loss.Squared, 5);
        var file = Export(model);
        var header = JsonNode.Parse(Header(file))!.AsObject();
        var data = file[(8 + Header(file).Length)..];
        var reordered = new List<byte>();
        foreach (var (name, tensor) in header.Where(t => t.Key != "__metadata__").OrderByDescending(t => t.Key, StringComparer.Ordinal).ToList())
        {
            var offsets = tensor!["data_offsets"]!.AsArray();
            var bytes = data[(int)offsets[0]!..(int)offsets[1]!];
            header[name]!["data_offsets"] = new JsonArray(reordered.Count, reordered.Count + bytes.Length);
            reordered.AddRange(bytes);
        }

        SampleModels.Saved(Import(Joined(header.ToJsonString(), [.. reordered]))).ShouldBe(SampleModels.Saved(model));
    }

    [Fact]
    public void Large_models_go_through_streams_that_cannot_seek_and_read_little_at_a_time()
    {
        const int Columns = 100_000;
        var random = new RandomSource(1);
        var table = new float[Columns * 16];
        for (var column = 0; column < Columns; column++)
        {
            table[(16 * column) + 1] = (float)random.NextNormal();
        }

        var index = FeatureIndex.Of(
            Enumerable.Range(0, Columns).Select(c => new IndexedFeature(c, "item.id", FormattableString.Invariant($"item {c}")))
        );
        var model = new FactorizationModel(
            FeatureSpace.OfOneField(Columns),
            Crossing.Plain,
            Loss.Squared,
            2,
            3,
            new float[Columns],
            table,
            features: index
        );
        using var file = new MemoryStream();
        using var reluctant = new ReluctantStream(file);

        SafetensorsFile.Export(reluctant, model);
        file.Position = 0;

        SampleModels.Saved(SafetensorsFile.Import(reluctant)).AsSpan().SequenceEqual(SampleModels.Saved(model)).ShouldBeTrue();
        file.CanWrite.ShouldBeTrue();
    }

    [Theory]
    [InlineData("\"dtype\":\"F32\"", "\"dtype\":\"F64\"", "F64")]
    [InlineData("\"dtype\":\"F32\"", "\"dtype\":\"float\"", "must be F32")]
    [InlineData("\"bias\":", "\"biases\":", "biases")]
    [InlineData("\"linear.weight\":", "\"bias\":", "bias")]
    [InlineData("\"bias\":{\"dtype\":\"F32\",\"shape\":[1]", "\"bias\":{\"dtype\":\"F32\",\"shape\":[2]", "'bias' has the shape [2]")]
    [InlineData("\"bias\":{\"dtype\":\"F32\",\"shape\":[1]", "\"bias\":{\"dtype\":\"F32\",\"shape\":[]", "'bias' has the shape []")]
    [InlineData("\"data_offsets\":[0,4]", "\"data_offsets\":[0,8]", "'bias' has the offsets [0, 8]")]
    [InlineData("\"data_offsets\":[0,4]", "\"data_offsets\":[4,0]", "'bias' has the offsets [4, 0]")]
    [InlineData("\"data_offsets\":[0,4]", "\"data_offsets\":[-4,0]", "'bias' has the offsets [-4, 0]")]
    [InlineData("\"data_offsets\":[0,4]", "\"data_offsets\":[0,4,8]", "'bias' has the offsets")]
    [InlineData("\"data_offsets\":[0,4]", "\"data_offsets\":[]", "'bias' has the offsets")]
    [InlineData("\"data_offsets\":[0,4]", "\"data_offsets\":[4,8]", "begin at 4")]
    [InlineData("\"data_offsets\":[0,4]", "\"data_offsets\":[0,4.5]", "data_offsets")]
    [InlineData("\"shape\":[10]", "\"shape\":[-10]", "'linear.weight'")]
    [InlineData("\"shape\":[9,2]", "\"shape\":[2,9]", "'factors.weight'")]
    [InlineData("\"shape\":[9,2]", "\"shape\":[9223372036854775807,2]", "verflow")]
    [InlineData("\"interaction\":\"FieldWeighted\"", "\"interaction\":\"Odd\"", "interaction 'Odd'")]
    [InlineData("\"interaction\":\"FieldWeighted\"", "\"interaction\":\"2\"", "interaction '2'")]
    [InlineData("\"interaction\":\"FieldWeighted\"", "\"interaction\":\"Plain\"", "field weights")]
    [InlineData("\"interaction\":\"FieldWeighted\",", "", "do not tell the interaction")]
    [InlineData("\"loss\":\"Squared\"", "\"loss\":\"Squared\",\"loss\":\"Logistic\"", "uplicate")]
    [InlineData("\"factors\":\"2\"", "\"factors\":\"-2\"", "-2")]
    [InlineData("\"factors\":\"2\"", "\"factors\":2", "string")]
    [InlineData("\"target_maximum\":\"5\"", "\"target_maximum\":\"high\"", "target_maximum is 'high'")]
    [InlineData("\"target_maximum\":\"5\"", "\"target_maximum\":\"0\"", "range")]
    [InlineData("\"format\":\"recservice\"", "\"format\":\"pt\"", "format is pt")]
    [InlineData("\"format_version\":\"1\"", "\"format_version\":\"2\"", "format is recservice 2")]
    public void Headers_that_do_not_fit_are_refused_with_the_reason(string part, string replacement, string reason)
    {
        var file = Export(SampleModels.Create(Crossing.FieldWeighted, Loss.Squared, 2));
        var header = Header(file);
        var at = header.IndexOf(part, StringComparison.Ordinal);
        at.ShouldBeGreaterThan(0);

        Refusal(Joined(header[..at] + replacement + header[(at + part.Length)..], file[(8 + header.Length)..])).ShouldContain(reason);
    }

    [Fact]
    public void Files_that_are_something_else_or_end_early_or_go_on_are_refused_with_the_reason()
    {
        var file = Export(SampleModels.Create(Crossing.FieldWeighted, Loss.Squared, 2));
        var dataStart = 8 + Header(file).Length;

        Refusal([]).ShouldContain("truncated");
        Refusal(SampleModels.Saved(SampleModels.Create(Crossing.Plain, Loss.Squared, 2))).ShouldContain("header would have");
        Refusal(file[..100]).ShouldContain("truncated");
        Refusal(file[..(dataStart + 10)]).ShouldContain("within 'linear.weight'");
        Refusal(file[..^1]).ShouldContain("within 'feature_index'");
        Refusal([.. file, 0]).ShouldContain("follows");
        Refusal(Joined("[]", [])).ShouldContain("no JSON object");
        Refusal(Joined(" {}", [])).ShouldContain("no JSON object");
        Refusal(Joined("{}", [])).ShouldContain("__metadata__");
        var notFinite = file.ToArray();
        BinaryPrimitives.WriteSingleLittleEndian(notFinite.AsSpan(dataStart), float.NaN);
        Refusal(notFinite).ShouldContain("bias is not finite");
    }

    [Theory]
    [InlineData("\"column\":0", "\"column\":9999", "columns up to 9999")]
    [InlineData("\"column\":0", "\"column\":-1", "-1")]
    [InlineData("\"category\":\"film\"", "\"name\":\"film\"", "line 3")]
    [InlineData("\"category\":\"film\"", "\"category\":null", "neither a category nor")]
    [InlineData("\"category\":\"film\"", "\"category\":\"film\",\"mean\":1", "neither a category nor")]
    [InlineData("\"deviation\":", "\"deviation\":-", "deviation -")]
    [InlineData("\"bob\"}\n", "\"bob\"}", "line")]
    public void Feature_indexes_that_do_not_fit_are_refused_with_the_reason(string part, string replacement, string reason)
    {
        var file = Export(SampleModels.Create(Crossing.FieldPooled, Loss.Squared, 0));
        var header = JsonNode.Parse(Header(file))!.AsObject();
        var offsets = header["feature_index"]!["data_offsets"]!.AsArray();
        var data = file[(8 + Header(file).Length)..];
        var start = (int)offsets[0]!;
        var index = Encoding.UTF8.GetString(data[start..]);
        index.ShouldContain(part);
        var at = index.IndexOf(part, StringComparison.Ordinal);
        var changed = Encoding.UTF8.GetBytes(index[..at] + replacement + index[(at + part.Length)..]);
        header["feature_index"]!["shape"] = new JsonArray(changed.Length);
        header["feature_index"]!["data_offsets"] = new JsonArray(start, start + changed.Length);

        Refusal(Joined(header.ToJsonString(), [.. data[..start], .. changed])).ShouldContain(reason);
    }

    [Theory]
    [InlineData(100_000_001UL)]
    [InlineData(ulong.MaxValue)]
    [InlineData(99_999_999UL)]
    public void Lengths_that_promise_what_is_not_there_take_little_memory(ulong length)
    {
        var file = new byte[1_000];
        BinaryPrimitives.WriteUInt64LittleEndian(file, length);
        file[8] = (byte)'{';
        var before = GC.GetAllocatedBytesForCurrentThread();

        Refusal(file).ShouldNotBeEmpty();

        (GC.GetAllocatedBytesForCurrentThread() - before).ShouldBeLessThan(8L << 20);
    }

    [Theory]
    [InlineData(1, 2_000_000_000)]
    [InlineData(2_000_000_000, 1)]
    [InlineData(100_000_000, 16)]
    [InlineData(1, 2_147_483_647)]
    public void Shapes_that_promise_what_is_not_there_take_little_memory(long rows, long factors)
    {
        var size = 4 * rows * factors;
        var header = $$$"""
            {"__metadata__":{"format":"recservice","format_version":"1","interaction":"Plain","loss":"Squared","factors":"{{{factors}}}","fields":"[\"a\"]"},
            "factors.weight":{"dtype":"F32","shape":[{{{rows}}},{{{factors}}}],"data_offsets":[0,{{{size}}}]},
            "bias":{"dtype":"F32","shape":[1],"data_offsets":[{{{size}}},{{{size + 4}}}]},
            "linear.weight":{"dtype":"F32","shape":[0],"data_offsets":[{{{size + 4}}},{{{size + 4}}}]},
            "column_fields":{"dtype":"I32","shape":[0],"data_offsets":[{{{size + 4}}},{{{size + 4}}}]}}
            """;
        var before = GC.GetAllocatedBytesForCurrentThread();

        Refusal(Joined(header, new byte[100])).ShouldNotBeEmpty();

        (GC.GetAllocatedBytesForCurrentThread() - before).ShouldBeLessThan(32L << 20);
    }

    [Fact]
    public void Mutated_files_are_models_or_refused()
    {
        var random = new RandomSource(17);
        byte[][] files =
        [
            Export(SampleModels.Create(Crossing.FieldWeighted, Loss.Squared, 2)),
            Export(SampleModels.Create(Crossing.Plain, Loss.Logistic, 0, index: false, shared: false)),
        ];
        var tokens = "{}[],:\"0123456789-.eE\\nulltrue FI3264U8"u8.ToArray();
        var (imported, refused) = (0, 0);
        for (var n = 0; n < 10_000; n++)
        {
            var bytes = files[n % 2].ToList();
            for (var change = random.Below(3); change >= 0; change--)
            {
                // Mostly within the header, where there is most to go wrong.
                var at = random.Below(n % 3 == 0 ? bytes.Count : Math.Min(bytes.Count, 1_400));
                switch (random.Below(5))
                {
                    case 0:
                        bytes[at] ^= (byte)(1 << random.Below(8));
                        break;
                    case 1:
                        bytes[at] = tokens[random.Below(tokens.Length)];
                        break;
                    case 2:
                        bytes.RemoveRange(at, Math.Min(1 + random.Below(20), bytes.Count - at));
                        break;
                    case 3:
                        bytes.InsertRange(at, bytes.GetRange(at, Math.Min(1 + random.Below(20), bytes.Count - at)));
                        break;
                    default:
                        bytes.RemoveRange(at, bytes.Count - at);
                        bytes.Add(tokens[random.Below(tokens.Length)]);
                        break;
                }
            }

            // Else nearly all would fail by the length of the header.
            if (n % 2 == 0 && bytes.Count > 8)
            {
                var end = bytes.IndexOf((byte)' ') is > 8 and var padding ? padding : Header(files[0]).Length;
                bytes[0] = (byte)end;
                bytes[1] = (byte)(end >> 8);
            }

            try
            {
                Import([.. bytes]);
                imported++;
            }
            catch (ModelFormatException)
            {
                refused++;
            }
        }

        imported.ShouldBeGreaterThan(100);
        refused.ShouldBeGreaterThan(1_000);
    }

    [Fact]
    public void Names_that_are_no_text_are_refused_when_written()
    {
        var index = FeatureIndex.Of([new(0, "user.id", "half a pair \uD800")]);
        var model = new FactorizationModel(FeatureSpace.OfOneField(1), Crossing.Plain, Loss.Squared, 0, 0, [0], [], features: index);

        Should.Throw<ArgumentException>(() => Export(model)).Message.ShouldContain("half a pair");
    }

    private static string Node(string script, string file)
    {
        try
        {
            using var node = Process.Start(
                new ProcessStartInfo("node", ["-e", script, file]) { RedirectStandardOutput = true, UseShellExecute = false }
            )!;
            var output = node.StandardOutput.ReadToEnd();
            node.WaitForExit();
            node.ExitCode.ShouldBe(0);
            return output;
        }
        catch (System.ComponentModel.Win32Exception e)
        {
            Assert.Skip($"Node cannot be started: {e.Message}");
            throw;
        }
    }

    private static byte[] Export(FactorizationModel model)
    {
        using var stream = new MemoryStream();
        SafetensorsFile.Export(stream, model);
        return stream.ToArray();
    }

    private static FactorizationModel Import(byte[] file)
    {
        using var stream = new MemoryStream(file, writable: false);
        return SafetensorsFile.Import(stream);
    }

    private static string Refusal(byte[] file) => Should.Throw<ModelFormatException>(() => Import(file)).Message;

    private static string Header(byte[] file) => Encoding.UTF8.GetString(file, 8, (int)BinaryPrimitives.ReadUInt64LittleEndian(file));

    private static byte[] Joined(string header, byte[] data) =>
        [.. BitConverter.GetBytes((long)Encoding.UTF8.GetByteCount(header)), .. Encoding.UTF8.GetBytes(header), .. data];
}
