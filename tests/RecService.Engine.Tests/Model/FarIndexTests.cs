using System.Buffers.Binary;
using System.Text;
using RecService.Engine.Data;
using RecService.Engine.Data.Text;
using RecService.Engine.Model;
using RecService.Engine.Numerics;

namespace RecService.Engine.Tests.Model;

/// <summary>Files of data and of models whose features have indices that reach far.</summary>
public sealed class FarIndexTests
{
    private static readonly FeatureSpace Space = Read("1 4:2000000000:1 0:7:1\n2 0:2000000000:1 4:900000:0.5\n").Space;

    [Fact]
    public void Data_files_keep_them()
    {
        var data = Read("1 4:2000000000:1 0:7:1\n2 0:2000000000:1 4:900000:0.5\n");
        using var file = new MemoryStream();

        ExampleFile.Save(file, data.Space, data.Examples);
        file.Position = 0;
        var (space, examples) = ExampleFile.Load(file);

        space.HasSameColumnsAs(data.Space).ShouldBeTrue();
        space.FactorIndices.ToArray().ShouldBe([7, 900000, 2000000000]);
        examples.Blocks[0].Columns.ToArray().ShouldBe(data.Examples.Blocks[0].Columns.ToArray());
        VersionOf(file).ShouldBe(2);
        space.HasSameColumnsAs(new(space.Fields, space.ColumnFields.ToArray(), space.ColumnFactors.ToArray())).ShouldBeFalse();
    }

    [Fact]
    public void Model_files_keep_them()
    {
        var model = RandomModels.Model(Space, Crossing.FieldWeighted, 5, new RandomSource(1));
        using var file = new MemoryStream(SampleModels.Saved(model));

        var loaded = ModelFile.Load(file);

        loaded.Space.HasSameColumnsAs(Space).ShouldBeTrue();
        SampleModels.Saved(loaded).ShouldBe(SampleModels.Saved(model));
        VersionOf(file).ShouldBe(4);
    }

    [Fact]
    public void Safetensors_keep_them()
    {
        var model = RandomModels.Model(Space, Crossing.FieldPooled, 5, new RandomSource(1));
        using var file = new MemoryStream();

        SafetensorsFile.Export(file, model);
        file.Position = 0;

        SampleModels.Saved(SafetensorsFile.Import(file)).ShouldBe(SampleModels.Saved(model));
    }

    [Fact]
    public void Text_tells_them()
    {
        using var text = new StringWriter();

        ModelText.Export(text, RandomModels.Model(Space, Crossing.FieldPooled, 1, new RandomSource(1)));

        text.ToString().ShouldContain("\nindex\t0\t7\nindex\t1\t900000\nindex\t2\t2000000000\n");
    }

    [Theory]
    [InlineData(new[] { 1, 2 })]
    [InlineData(new[] { 1, 3, 3 })]
    [InlineData(new[] { -1, 3, 4 })]
    public void Spaces_take_one_for_each_factor_row_in_ascending_order(int[] indices)
    {
        Should.Throw<ArgumentException>(() => new FeatureSpace(["a"], [0, 0, 0], null, indices));
    }

    private static SparseTextData Read(string text) => SparseTextData.Read(new MemoryStream(Encoding.UTF8.GetBytes(text)), "some.txt");

    private static int VersionOf(MemoryStream file) => BinaryPrimitives.ReadInt32LittleEndian(file.ToArray().AsSpan(8));
}
