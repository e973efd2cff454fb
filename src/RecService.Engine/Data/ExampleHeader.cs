using System.Text.Json.Serialization;

namespace RecService.Engine.Data;

/// <summary>What a data file says of itself before the numbers come.</summary>
/// <param name="Examples">Number of examples.</param>
/// <param name="Weights">Whether examples have weights.</param>
/// <param name="Fields">Names of the fields.</param>
/// <param name="Columns">Number of columns of the feature space.</param>
/// <param name="ColumnFactors">Whether columns have factor rows other than their own number.</param>
/// <param name="Blocks">The blocks.</param>
/// <param name="FactorIndices">How many factor rows there are that have indices other than their own number; left out where there are none.</param>
internal sealed record ExampleHeader(
    int Examples,
    bool Weights,
    string[] Fields,
    int Columns,
    bool ColumnFactors,
    BlockHeader[] Blocks,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] int? FactorIndices = null
);

/// <summary>A block of rows in a data file.</summary>
/// <param name="Rows">Number of rows.</param>
/// <param name="Columns">Upper bound of the columns.</param>
/// <param name="Entries">Number of entries.</param>
/// <param name="Offsets">Whether rows differ in length.</param>
/// <param name="Values">Whether values other than 1 occur.</param>
/// <param name="ExampleRows">Whether examples have rows other than their own number.</param>
internal sealed record BlockHeader(int Rows, int Columns, int Entries, bool Offsets, bool Values, bool ExampleRows);

[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase,
    RespectNullableAnnotations = true,
    RespectRequiredConstructorParameters = true,
    UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow
)]
[JsonSerializable(typeof(ExampleHeader))]
internal sealed partial class ExampleHeaderJson : JsonSerializerContext;
