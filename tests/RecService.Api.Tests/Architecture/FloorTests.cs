namespace RecService.Api.Tests.Architecture;

/// <summary>Holds the engine to its floors, and its files to an order, by what has been compiled.</summary>
public sealed class FloorTests(ITestOutputHelper output)
{
    private const string Engine = "RecService.Engine";

    /// <summary>The rooms from the ground up. Each knows those of the floors below it, and none beside it.</summary>
    private static readonly string[][] Floors =
    [
        ["Numerics", "Files"],
        ["Data"],
        ["Losses"],
        ["Model"],
        ["Synthetic", "Kernels"],
        ["Scoring", "Training"],
        ["Evaluation", "Layer"],
    ];

    private static readonly Lazy<CompiledAssembly> Compiled = new(() =>
        CompiledAssembly.Read(typeof(RecService.Engine.Model.FactorizationModel).Assembly)
    );

    [Fact]
    public void Every_type_of_the_engine_is_in_a_room_of_a_floor()
    {
        var types = Compiled.Value.Files.Keys.ToList();

        types.Where(type => type.Part(Engine) is null).ShouldBeEmpty();
        types.Select(type => type.Part(Engine)!).Distinct(StringComparer.Ordinal).ShouldBe(Floors.SelectMany(floor => floor), ignoreOrder: true);
    }

    [Fact]
    public void Every_room_knows_only_the_floors_below()
    {
        var heights = Floors
            .SelectMany((rooms, height) => rooms.Select(room => (room, height)))
            .ToDictionary(room => room.room, room => room.height, StringComparer.Ordinal);
        var uses = (
            from use in Compiled.Value.Uses
            let room = use.User.Part(Engine)
            let used = use.Used.Part(Engine)
            where room is not null && used is not null && used != room
            select (Room: room, Used: used, use.User, Type: use.Used)
        ).ToList();
        var up = uses.Where(use => heights[use.Used] >= heights[use.Room])
            .Select(use => $"{use.Room}.{use.User.Name} uses {use.Used}.{use.Type.Name}")
            .Distinct(StringComparer.Ordinal)
            .Order(StringComparer.Ordinal)
            .ToList();

        foreach (var room in Floors.Reverse().SelectMany(floor => floor))
        {
            var edges = uses.Where(use => use.Room == room && use.Type.Name != TypeName.Any)
                .GroupBy(use => use.Used, use => use.Type, StringComparer.Ordinal)
                .OrderByDescending(edge => heights[edge.Key])
                .Select(edge => $"{edge.Key} ({edge.Distinct().Count()})");
            output.WriteLine($"{heights[room]} {room} → {string.Join(", ", edges)}");
        }

        output.WriteLine($"arrows up: {up.Count}");
        up.ShouldBeEmpty();
    }

    [Fact]
    public void Files_of_the_engine_do_not_go_in_circles()
    {
        var files = Compiled.Value.Files;
        var cycles = new Graph(
            from use in Compiled.Value.Uses
            where files.ContainsKey(use.Used)
            let file = use.File ?? files.GetValueOrDefault(use.User)
            where file is not null && file != files[use.Used]
            select (file, files[use.Used])
        ).Cycles();

        cycles.ForEach(cycle => output.WriteLine(string.Join(" ↔ ", cycle)));
        output.WriteLine($"files in cycles: {cycles.Sum(cycle => cycle.Length)}");
        cycles.ShouldBeEmpty();
    }
}
