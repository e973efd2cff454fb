using System.Text.RegularExpressions;

namespace RecService.Api.Tests;

/// <summary>Holds the slices to the references that ARCHITECTURE.md allows.</summary>
public sealed partial class ArchitectureTests
{
    private static readonly Dictionary<string, string[]> Allowed = new(StringComparer.Ordinal)
    {
        ["Telemetry"] = [],
        ["Domain"] = [],
        ["Http"] = ["Telemetry", "Domain", "Storage"],
        ["Storage"] = ["Telemetry"],
        ["Access"] = ["Telemetry", "Domain", "Http", "Storage"],
        ["Catalog"] = ["Telemetry", "Domain", "Http", "Storage"],
        ["Interactions"] = ["Telemetry", "Domain", "Http", "Storage"],
        ["Training"] = ["Telemetry", "Domain", "Http", "Storage", "Engine"],
        ["Publishing"] = ["Telemetry", "Domain", "Http", "Storage", "Engine"],
        ["Scoring"] = ["Telemetry", "Domain", "Http", "Storage", "Engine", "Publishing"],
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
            "Training",
            "Publishing",
            "Scoring",
        ],
    };

    private static readonly string Source = Path.Combine(Repository.Root, "src");

    [Fact]
    public void Every_folder_of_the_service_is_a_slice_with_rules() =>
        Directory
            .GetDirectories(Path.Combine(Source, "RecService.Api"))
            .Select(Path.GetFileName)
            .Except(["bin", "obj", "Properties"])
            .ShouldBe(Allowed.Keys, ignoreOrder: true);

    [Fact]
    public void Slices_reference_only_what_they_may()
    {
        var violations =
            from slice in Allowed
            from file in Directory.GetFiles(Path.Combine(Source, "RecService.Api", slice.Key), "*.cs", SearchOption.AllDirectories)
            from Match reference in Reference().Matches(File.ReadAllText(file))
            let target = reference.Groups["slice"] is { Success: true } named ? named.Value : "Engine"
            where target != slice.Key && !slice.Value.Contains(target, StringComparer.Ordinal)
            select $"{Path.GetRelativePath(Source, file)} refers to {target}";

        violations.Distinct(StringComparer.Ordinal).ShouldBeEmpty();
    }

    [Fact]
    public void The_engine_knows_nothing_of_the_service_or_of_packages()
    {
        foreach (
            var file in Directory
                .GetFiles(Path.Combine(Source, "RecService.Engine"), "*.cs", SearchOption.AllDirectories)
                .Where(f => !f.Contains("/obj/", StringComparison.Ordinal))
        )
        {
            EngineForeign().Match(File.ReadAllText(file)).Value.ShouldBeEmpty(file);
        }

        File.ReadAllText(Path.Combine(Source, "RecService.Engine", "RecService.Engine.csproj")).ShouldNotContain("ProjectReference");
    }

    [GeneratedRegex(
        @"RecService\.Engine\b|(?<![\w.])Engine\.(Data|Model|Training|Scoring|Evaluation)\b|RecService\.Api\.(?<slice>Telemetry|Domain|Http|Storage|Access|Catalog|Interactions|Training|Publishing|Scoring|Operations)\b",
        RegexOptions.ExplicitCapture,
        1000
    )]
    private static partial Regex Reference();

    [GeneratedRegex(@"RecService\.Api|Microsoft\.(AspNetCore|EntityFrameworkCore|Extensions)|Npgsql", RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex EngineForeign();
}
