using RecService.Api.Operations;

namespace RecService.Api.Tests.Architecture;

/// <summary>Holds the slices to the references that ARCHITECTURE.md allows, by what has been compiled.</summary>
public sealed class SliceTests(ITestOutputHelper output)
{
    private const string Service = "RecService.Api";
    private const string Engine = "RecService.Engine";

    /// <summary>What each slice may know beside itself. The engine counts as one.</summary>
    private static readonly Dictionary<string, string[]> Allowed = new(StringComparer.Ordinal)
    {
        ["Telemetry"] = [],
        ["Domain"] = [],
        ["Storage"] = ["Telemetry"],
        ["Http"] = ["Telemetry", "Domain", "Storage"],
        ["Access"] = ["Telemetry", "Domain", "Http", "Storage"],
        ["Catalog"] = ["Telemetry", "Domain", "Http", "Storage"],
        ["Interactions"] = ["Telemetry", "Domain", "Http", "Storage"],
        ["Models"] = ["Telemetry", "Domain", "Http", "Storage", "Engine"],
        ["Training"] = ["Telemetry", "Domain", "Http", "Storage", "Engine", "Models"],
        ["Publishing"] = ["Telemetry", "Domain", "Http", "Storage", "Engine", "Models"],
        ["Scoring"] = ["Telemetry", "Domain", "Http", "Storage", "Engine", "Models", "Publishing"],
        ["Dashboard"] =
        [
            "Telemetry",
            "Domain",
            "Http",
            "Storage",
            "Access",
            "Catalog",
            "Interactions",
            "Models",
            "Training",
            "Publishing",
            "Scoring",
        ],
        ["Operations"] =
        [
            "Telemetry",
            "Domain",
            "Http",
            "Storage",
            "Engine",
            "Access",
            "Catalog",
            "Interactions",
            "Models",
            "Training",
            "Publishing",
            "Scoring",
            "Dashboard",
        ],
    };

    private static readonly Lazy<CompiledAssembly> Compiled = new(() => CompiledAssembly.Read(typeof(ServiceProgram).Assembly));

    [Fact]
    public void Every_type_of_the_service_is_in_a_slice_with_rules()
    {
        var types = Compiled.Value.Files.Keys.ToList();

        types.Where(type => type.Part(Service) is null).ShouldBeEmpty();
        types.Select(type => type.Part(Service)!).Distinct(StringComparer.Ordinal).ShouldBe(Allowed.Keys, ignoreOrder: true);
    }

    [Fact]
    public void Slices_refer_only_to_what_they_may()
    {
        var uses = (
            from use in Compiled.Value.Uses
            let slice = use.User.Part(Service)
            let used = use.Used.Namespace == Engine || use.Used.Part(Engine) is not null ? "Engine" : use.Used.Part(Service)
            where slice is not null && used is not null && used != slice
            select (Slice: slice, Used: used, use.User, Type: use.Used)
        ).ToList();
        var forbidden = uses.Where(use => !Allowed[use.Slice].Contains(use.Used, StringComparer.Ordinal))
            .Select(use => $"{use.Slice}.{use.User.Name} uses {use.Type.Namespace}.{use.Type.Name}")
            .Distinct(StringComparer.Ordinal)
            .Order(StringComparer.Ordinal)
            .ToList();

        foreach (var slice in Allowed.Keys)
        {
            var edges = uses.Where(use => use.Slice == slice && use.Type.Name != TypeName.Any)
                .GroupBy(use => use.Used, use => use.Type, StringComparer.Ordinal)
                .OrderBy(edge => edge.Key, StringComparer.Ordinal)
                .Select(edge => $"{edge.Key} ({edge.Distinct().Count()})");
            output.WriteLine($"{slice} → {string.Join(", ", edges)}");
        }

        output.WriteLine($"references that are not allowed: {forbidden.Count}");
        forbidden.ShouldBeEmpty();
    }

    [Fact]
    public void The_engine_refers_to_nothing_but_the_framework() =>
        CompiledAssembly
            .Read(typeof(RecService.Engine.Model.FactorizationModel).Assembly)
            .References.ShouldAllBe(name => name.StartsWith("System.", StringComparison.Ordinal));
}
