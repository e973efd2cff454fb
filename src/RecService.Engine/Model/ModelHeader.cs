using System.Text.Json.Serialization;
using RecService.Engine.Data.Histories;
using RecService.Engine.Losses;

namespace RecService.Engine.Model;

/// <summary>What a model file says of itself before the numbers come.</summary>
/// <param name="Crossing">Which features cross.</param>
/// <param name="Loss">What the scores mean.</param>
/// <param name="Factors">k.</param>
/// <param name="Bias">w0.</param>
/// <param name="TargetMinimum">Smallest training target; null when there is no bound.</param>
/// <param name="TargetMaximum">Largest training target; null when there is no bound.</param>
/// <param name="Fields">Names of the fields.</param>
/// <param name="Columns">Number of columns.</param>
/// <param name="FactorRows">Number of rows of the factor table.</param>
/// <param name="Sections">What follows, in this order.</param>
/// <param name="History">How histories are pooled; left out of models without them.</param>
internal sealed record ModelHeader(
    [property: JsonPropertyName("interaction")] Crossing Crossing,
    Loss Loss,
    int Factors,
    float Bias,
    float? TargetMinimum,
    float? TargetMaximum,
    string[] Fields,
    int Columns,
    int FactorRows,
    string[] Sections,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] HistorySettings? History = null
);

[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase,
    UseStringEnumConverter = true,
    RespectNullableAnnotations = true,
    RespectRequiredConstructorParameters = true,
    UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow
)]
[JsonSerializable(typeof(ModelHeader))]
[JsonSerializable(typeof(HistorySettings))]
internal sealed partial class ModelHeaderJson : JsonSerializerContext;
