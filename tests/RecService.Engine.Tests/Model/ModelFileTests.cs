using System.Buffers.Binary;
using System.Text;
using RecService.Engine.Data;
using RecService.Engine.Data.Histories;
using RecService.Engine.Files;
using RecService.Engine.Losses;
using RecService.Engine.Model;
using RecService.Engine.Numerics;

namespace RecService.Engine.Tests.Model;

public sealed class ModelFileTests
{
    private const int PrefixLength = 12;

    [Theory]
    [InlineData(Crossing.FieldPooled, Loss.Squared, 0)]
    [InlineData(Crossing.Plain, Loss.Logistic, 1)]
    [InlineData(Crossing.FieldPooled, Loss.Logistic, 16)]
    [InlineData(Crossing.Plain, Loss.Squared, 37)]
    [InlineData(Crossing.FieldWeighted, Loss.Bpr, 18)]
    [InlineData(Crossing.FieldAware, Loss.Logistic, 5)]
    [InlineData(Crossing.FieldAware, Loss.Squared, 0)]
    [InlineData(Crossing.FieldWeighted, Loss.Logistic, 0)]
    public void A_model_comes_back_as_it_was(Crossing crossing, Loss loss, int factors)
    {
        var model = Model(factors, crossing, loss);

        ShouldBeSame(Load(Save(model)), model);
    }

    [Fact]
    public void Bounds_of_the_target_may_be_absent_and_columns_may_have_factors_of_their_own()
    {
        var model = new FactorizationModel(new FeatureSpace(["a"], [0, 0]), Crossing.Plain, Loss.Squared, 2, 0.1f, [1, 2], new float[32]);

        var loaded = Load(Save(model));

        ShouldBeSame(loaded, model);
        loaded.TargetMinimum.ShouldBe(float.NegativeInfinity);
        loaded.TargetMaximum.ShouldBe(float.PositiveInfinity);
        loaded.Space.ColumnFactors.IsEmpty.ShouldBeTrue();
        loaded.Features.ShouldBeNull();
    }

    [Fact]
    public void A_file_of_version_1_is_still_read()
    {
        // As the program of that version wrote the model of this test.
        var file = Convert.FromBase64String(
            """
            iVJTRk0NChoBAAAA4QIAABIBAAB7ImludGVyYWN0aW9uIjoiRmllbGRQb29sZWQiLCJsb3NzIjoiTG9naXN0aWMiLCJmYWN0b3JzIjoyLCJiaWFzIjowLjEsInRhcmdldE1pbmltdW0iOjAuNSwidGFyZ2V0TWF4
            aW11bSI6NSwiZmllbGRzIjpbInVzZXIiLCJpdGVtIiwidGFnIiwiY29udGV4dC50YWdzIiwiY29udGV4dC5kZXZpY2UiXSwiY29sdW1ucyI6MTAsImZhY3RvclJvd3MiOjksInNlY3Rpb25zIjpbImNvbHVtbkZp
            ZWxkcyIsImNvbHVtbkZhY3RvcnMiLCJ3ZWlnaHRzIiwiZmFjdG9ycyIsImZlYXR1cmVzIl19AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAQAAAAIAAAADAAAABAAAAAAAAAABAAAAAgAAAAMAAAAEAAAABQAAAAYA
            AAAHAAAABwAAAAgAAAAVxOw8wQMuvzGcQz6U3FM/vwaov2Cn9L0UcDE//Y5bv4PJUr/ONCJA1hayP7hTgz9tSL+/lnY4Pq6StL+lpvC/CkFqv208Lj8qFwg/VElnPmFEOT+btaI/0d+oPhtYMb+h/RQ/S1OcPkbk
            IEAGdpE+CQAAAA5jb250ZXh0LmRldmljZQABAAAABXBob25lCQAAAAxjb250ZXh0LnRhZ3MAAQAAAAN3YXIIAAAAFGl0ZW0uYXR0cmlidXRlcy55ZWFyAAAAAAAHaXRlbS5pZAABAAAABGZpbG0GAAAAA3RhZwAB
            AAAAA3dhcgcAAAATdXNlci5hdHRyaWJ1dGVzLmFnZQEAAAAAq6qqqqqqOkB/XL+qLtsiQAAAAAAUdXNlci5hdHRyaWJ1dGVzLmNpdHkAAQAAAARSb21lAQAAAAd1c2VyLmlkAAIAAAADYm9iAwAAAAl6b8OrIPCf
            jqwCAAAACXVzZXIudGFncwACAAAAAXgEAAAAAXkFAAAAMDY2xGkOkTro3dFf0q+zNHNOmkrhFEWWXwfqXe5AA/EAAAAASeBmVG310mfk204IfDj5V4whlU6A7y3dIUKo5u33HAQ=
            """
        );
        BinaryPrimitives.ReadInt32LittleEndian(file.AsSpan(8)).ShouldBe(1);

        var loaded = Load(file);

        var model = Model(2, Crossing.FieldPooled, Loss.Logistic);
        ShouldBeSame(loaded, model);
        Save(loaded).ShouldBe(Save(model));
        loaded.FieldWeights.IsEmpty.ShouldBeTrue();
    }

    [Fact]
    public void Only_a_model_of_histories_needs_version_3()
    {
        var history = new HistorySettings
        {
            Length = 77,
            Alpha = 0.25f,
            Gamma = 0.75f,
            RecentHalfLife = TimeSpan.FromMinutes(10),
            AgeHalfLife = TimeSpan.FromDays(30.5),
            MeanWeight = 1.75,
            Types = [new("purchase", 3, TypicalValue: 2.5), new("rating", 1, PositiveFrom: 3.5, NegativeTo: 1)],
        };
        var without = SampleModels.Create(Crossing.FieldPooled, Loss.Softmax, 3);
        var model = SampleModels.WithHistory(without, history);

        VersionOf(Save(without)).ShouldBe(2);
        VersionOf(Save(model)).ShouldBe(3);
        var loaded = Load(Save(model));
        Save(loaded).ShouldBe(Save(model));
        loaded.Loss.ShouldBe(Loss.Softmax);
        loaded.History!.Types!.ShouldBe(history.Types);
        (loaded.History with { Types = history.Types }).ShouldBe(history);
        Load(Save(without)).History.ShouldBeNull();

        static int VersionOf(byte[] file) => BinaryPrimitives.ReadInt32LittleEndian(file.AsSpan(8));
    }

    [Fact]
    public void The_feature_index_encodes_as_before()
    {
        var model = Model(3);
        var loaded = Load(Save(model));
        var user = EntityFeatures.FromJson("zoë 🎬", ["x"], """{"age": 33}""");
        float[] Encode(FeatureIndex index)
        {
            var row = new RowBuffer();
            index.AppendUser(user, row);
            return [.. row.Row.Columns.ToArray().Select(c => (float)c), .. row.Row.Values];
        }

        Encode(model.Features!).ShouldNotBeEmpty();
        Encode(loaded.Features!).ShouldBe(Encode(model.Features!));
    }

    [Fact]
    public void Large_models_go_through_streams_that_cannot_seek_and_read_little_at_a_time()
    {
        // Both the weights and the factor table outgrow what is allocated at first, and the file many chunks.
        const int Columns = 1_100_000;
        var random = new RandomSource(1);
        var table = new float[Columns * 16];
        for (var column = 0; column < Columns; column++)
        {
            table[(16 * column) + 1] = (float)random.NextDouble();
        }

        var weights = new float[Columns];
        foreach (ref var weight in weights.AsSpan())
        {
            weight = (float)random.NextNormal();
        }

        var model = new FactorizationModel(FeatureSpace.OfOneField(Columns), Crossing.Plain, Loss.Squared, 2, 3, weights, table);
        using var file = new MemoryStream();
        using var reluctant = new ReluctantStream(file);

        ModelFile.Save(reluctant, model);
        file.Position = 0;

        ShouldBeSame(ModelFile.Load(reluctant), model);
        file.CanWrite.ShouldBeTrue();
    }

    [Fact]
    public void The_same_model_is_always_the_same_file()
    {
        Save(Model(5)).ShouldBe(Save(Model(5)));
    }

    [Fact]
    public void Every_changed_byte_is_detected()
    {
        var file = Save(Model(3));
        for (var at = 0; at < file.Length; at++)
        {
            foreach (var change in (byte[])[0x01, 0x20, 0x80, 0xFF])
            {
                file[at] ^= change;
                ShouldBeRefused(file, $"byte {at} changed by {change}");
                file[at] ^= change;
            }
        }

        Load(file);
    }

    [Fact]
    public void Every_truncation_is_detected()
    {
        var file = Save(Model(3));
        for (var length = 0; length < file.Length; length++)
        {
            ShouldBeRefused(file[..length], $"{length} bytes");
        }
    }

    [Fact]
    public void What_was_repeated_removed_swapped_or_added_is_detected()
    {
        // The rows of one field make chunks of equal length; a file of three full chunks and more.
        var file = Save(new FactorizationModel(FeatureSpace.OfOneField(60_000), Crossing.Plain, Loss.Squared, 0, 0, new float[60_000], []));
        const int Frame = sizeof(int) + ChecksumFraming.ChunkSize + 32;
        byte[] Chunk(int n) => file[(PrefixLength + (n * Frame))..(PrefixLength + ((n + 1) * Frame))];
        byte[] Rest(int n) => file[(PrefixLength + (n * Frame))..];
        Load(file);

        ShouldBeRefused([.. file[..PrefixLength], .. Chunk(0), .. Chunk(1), .. Chunk(1), .. Rest(2)], "repeated");
        ShouldBeRefused([.. file[..PrefixLength], .. Chunk(0), .. Rest(2)], "removed");
        ShouldBeRefused([.. file[..PrefixLength], .. Chunk(0), .. Chunk(2), .. Chunk(1), .. Rest(3)], "swapped");
        ShouldBeRefused([.. file, 0], "added");
    }

    [Fact]
    public void Garbage_is_refused_whatever_it_is()
    {
        var random = new RandomSource(9);
        var prefix = Save(Model(1))[..PrefixLength];
        for (var n = 0; n < 5_000; n++)
        {
            var garbage = new byte[random.Below(400)];
            foreach (ref var b in garbage.AsSpan())
            {
                b = (byte)random.Next();
            }

            ShouldBeRefused(garbage, "garbage");
            ShouldBeRefused([.. prefix, .. garbage], "garbage behind a good beginning");
            // Sealed by good checksums, so that the content itself has to be doubted.
            ShouldBeRefused(Sealed(prefix, s => s.Write(garbage)), "sealed garbage");
        }
    }

    [Theory]
    [InlineData(
        """{"interaction":"Plain","loss":"Squared","factors":0,"bias":0,"fields":["a"],"columns":2000000000,"factorRows":2000000000,"sections":["columnFields","weights","factors"]}"""
    )]
    [InlineData(
        """{"interaction":"Plain","loss":"Squared","factors":0,"bias":0,"targetMinimum":null,"targetMaximum":null,"fields":["a"],"columns":2000000000,"factorRows":2000000000,"sections":["columnFields","weights","factors"]}"""
    )]
    [InlineData(
        """{"interaction":"Plain","loss":"Squared","factors":2147483647,"bias":0,"targetMinimum":null,"targetMaximum":null,"fields":["a"],"columns":0,"factorRows":0,"sections":["columnFields","weights","factors"]}"""
    )]
    [InlineData(
        """{"interaction":"Plain","loss":"Squared","factors":4,"bias":0,"targetMinimum":null,"targetMaximum":null,"fields":["a"],"columns":-1,"factorRows":0,"sections":["columnFields","weights","factors"]}"""
    )]
    [InlineData(
        """{"interaction":"Plain","loss":"Squared","factors":0,"bias":1e99,"targetMinimum":null,"targetMaximum":null,"fields":["a"],"columns":0,"factorRows":0,"sections":["columnFields","weights","factors"]}"""
    )]
    [InlineData(
        """{"interaction":"Plain","loss":"Squared","factors":0,"bias":0,"targetMinimum":2,"targetMaximum":1,"fields":["a"],"columns":0,"factorRows":0,"sections":["columnFields","weights","factors"]}"""
    )]
    [InlineData(
        """{"interaction":"Plain","loss":"Squared","factors":0,"bias":0,"targetMinimum":null,"targetMaximum":null,"fields":["a","a"],"columns":0,"factorRows":0,"sections":["columnFields","weights","factors"]}"""
    )]
    [InlineData(
        """{"interaction":"Plain","loss":"Squared","factors":0,"bias":0,"targetMinimum":null,"targetMaximum":null,"fields":null,"columns":0,"factorRows":0,"sections":["columnFields","weights","factors"]}"""
    )]
    [InlineData(
        """{"interaction":"Odd","loss":"Squared","factors":0,"bias":0,"targetMinimum":null,"targetMaximum":null,"fields":["a"],"columns":0,"factorRows":0,"sections":["columnFields","weights","factors"]}"""
    )]
    [InlineData(
        """{"interaction":"Plain","loss":"Squared","factors":0,"bias":0,"targetMinimum":null,"targetMaximum":null,"fields":["a"],"columns":0,"factorRows":0,"sections":["weights","columnFields","factors"]}"""
    )]
    [InlineData(
        """{"interaction":"Plain","loss":"Squared","factors":0,"bias":0,"targetMinimum":null,"targetMaximum":null,"fields":["a"],"columns":0,"factorRows":7,"sections":["columnFields","weights","factors"]}"""
    )]
    [InlineData(
        """{"interaction":"Plain","loss":"Squared","factors":0,"bias":0,"targetMinimum":null,"targetMaximum":null,"fields":["a"],"columns":0,"factorRows":0,"sections":["columnFields","weights","factors","fieldWeights"]}"""
    )]
    [InlineData(
        """{"interaction":"FieldWeighted","loss":"Squared","factors":0,"bias":0,"targetMinimum":null,"targetMaximum":null,"fields":["a"],"columns":0,"factorRows":0,"sections":["columnFields","weights","factors"]}"""
    )]
    [InlineData("null")]
    [InlineData("{")]
    public void Headers_that_promise_what_is_not_there_are_refused_without_much_memory(string header)
    {
        var file = SealedHeader(header);
        var before = GC.GetAllocatedBytesForCurrentThread();

        ShouldBeRefused(file, header);

        (GC.GetAllocatedBytesForCurrentThread() - before).ShouldBeLessThan(32L << 20);
    }

    [Fact]
    public void One_row_that_promises_more_than_there_is_takes_little_memory()
    {
        using var stream = new MemoryStream(new byte[1_000]);
        var before = GC.GetAllocatedBytesForCurrentThread();

        Should.Throw<EndOfStreamException>(() => NumberStream.Read<float>(stream, rows: 1, width: 1_000_000_000, stride: 1_000_000_000));

        (GC.GetAllocatedBytesForCurrentThread() - before).ShouldBeLessThan(32L << 20);
    }

    [Fact]
    public void A_header_without_fault_is_read()
    {
        var header =
            """{"interaction":"Plain","loss":"Logistic","factors":0,"bias":1.5,"targetMinimum":null,"targetMaximum":5,"fields":["a"],"columns":0,"factorRows":0,"sections":["columnFields","weights","factors"]}""";

        var model = Load(SealedHeader(header));

        model.Bias.ShouldBe(1.5f);
        model.Loss.ShouldBe(Loss.Logistic);
        model.TargetMaximum.ShouldBe(5);
    }

    [Fact]
    public void Messages_say_what_is_wrong()
    {
        var file = Save(Model(2));
        var newer = file.ToArray();
        BinaryPrimitives.WriteInt32LittleEndian(newer.AsSpan(8), ModelFile.FormatVersion + 1);
        var damaged = file.ToArray();
        damaged[^100] ^= 1;

        Refusal([]).ShouldContain("empty");
        Refusal("PK and so on, a ZIP file"u8.ToArray()).ShouldContain("no model file");
        Refusal(newer).ShouldContain($"version {ModelFile.FormatVersion + 1}");
        Refusal(file[..^1]).ShouldContain("truncated");
        Refusal(damaged).ShouldContain("damaged");
        Refusal([.. file, .. file]).ShouldContain("follows");

        static string Refusal(byte[] file) => Should.Throw<ModelFormatException>(() => Load(file)).Message;
    }

    [Fact]
    public void Failures_of_the_stream_itself_are_not_taken_for_damage()
    {
        using var broken = new BrokenStream();

        Should.Throw<IOException>(() => ModelFile.Load(broken)).Message.ShouldBe("The line is dead.");
    }

    private static byte[] Save(FactorizationModel model) => SampleModels.Saved(model);

    private static FactorizationModel Load(byte[] file)
    {
        using var stream = new MemoryStream(file, writable: false);
        return ModelFile.Load(stream);
    }

    private static void ShouldBeRefused(byte[] file, string what)
    {
        try
        {
            Load(file);
        }
        catch (ModelFormatException)
        {
            return;
        }

        Assert.Fail($"Not refused: {what}.");
    }

    private static byte[] SealedHeader(string header) => Sealed(Save(Model(1))[..PrefixLength], stream =>
        {
            stream.Write(BitConverter.GetBytes(Encoding.UTF8.GetByteCount(header)));
            stream.Write(Encoding.UTF8.GetBytes(header));
        });

    private static byte[] Sealed(byte[] prefix, Action<Stream> write)
    {
        using var file = new MemoryStream();
        using var content = new ChecksumWriteStream(file, prefix);
        write(content);
        content.Complete();
        return file.ToArray();
    }

    private static FactorizationModel Model(int factors, Crossing crossing = Crossing.FieldPooled, Loss loss = Loss.Squared) =>
        SampleModels.Create(crossing, loss, factors);

    private static void ShouldBeSame(FactorizationModel actual, FactorizationModel expected)
    {
        actual.Crossing.ShouldBe(expected.Crossing);
        actual.Loss.ShouldBe(expected.Loss);
        actual.Factors.ShouldBe(expected.Factors);
        actual.Bias.ShouldBe(expected.Bias);
        actual.TargetMinimum.ShouldBe(expected.TargetMinimum);
        actual.TargetMaximum.ShouldBe(expected.TargetMaximum);
        actual.Space.Fields.ShouldBe(expected.Space.Fields);
        actual.Space.ColumnFields.SequenceEqual(expected.Space.ColumnFields).ShouldBeTrue();
        actual.Space.ColumnFactors.SequenceEqual(expected.Space.ColumnFactors).ShouldBeTrue();
        actual.Space.FactorCount.ShouldBe(expected.Space.FactorCount);
        actual.Weights.SequenceEqual(expected.Weights).ShouldBeTrue();
        actual.FactorTable.SequenceEqual(expected.FactorTable).ShouldBeTrue();
        actual.FieldWeights.SequenceEqual(expected.FieldWeights).ShouldBeTrue();
        (actual.Features is null).ShouldBe(expected.Features is null);
    }

    private sealed class BrokenStream : MemoryStream
    {
        public override int Read(Span<byte> buffer) => throw new IOException("The line is dead.");
    }
}
