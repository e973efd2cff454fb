using Microsoft.OpenApi;

namespace RecService.Api.Http.Bulk;

/// <summary>
/// What query parameters of an import say of the columns of its file: <c>itemId=movieId</c> that the column <c>movieId</c> is what is called
/// <c>itemId</c> here.
/// </summary>
/// <param name="Columns">The names of ours, and what each is said to be.</param>
/// <param name="Ignored">Columns of the file that are not read.</param>
internal sealed record ColumnParameters(IReadOnlyList<(string Name, string Value)> Columns, IReadOnlyList<string> Ignored)
{
    public const string IgnoreName = "ignore";

    /// <summary>For operations that take them.</summary>
    public const string Description =
        "Columns of other names are said by query parameters: `itemId=movieId` reads `itemId` from the column `movieId`, `tags==film` (with a second `=`) gives all rows "
        + "the tag `film`, `ignore=notes` leaves a column out. All others must have names of ours. ";

    public bool Any => Columns.Count + Ignored.Count > 0;

    public static ColumnParameters Of(HttpRequest request) =>
        new(
            [.. request.Query.Where(parameter => parameter.Key != IgnoreName).Select(parameter => (parameter.Key, parameter.Value.ToString()))],
            [.. request.Query[IgnoreName].OfType<string>()]
        );

    /// <summary>The names of all that were given.</summary>
    public IEnumerable<string> Names => Columns.Select(column => column.Name).Concat(Ignored.Count > 0 ? [IgnoreName] : []);
}

/// <summary>That an endpoint takes the names of columns as query parameters.</summary>
internal sealed class TakesColumns(Func<string, bool> isColumn)
{
    /// <summary>Whether it takes a parameter, and then whether that may come several times.</summary>
    public bool Takes(string parameter, out bool repeats)
    {
        repeats = parameter == ColumnParameters.IgnoreName;
        return repeats || isColumn(parameter);
    }
}

internal static class ColumnParametersExtensions
{
    // No parameter has this name: its properties are the parameters.
    private const string Name = "columns";

    /// <summary>Has an import take the names of columns as query parameters.</summary>
    public static RouteHandlerBuilder WithColumns<T>(this RouteHandlerBuilder endpoint, ImportColumns<T> columns)
        where T : new() =>
        endpoint
            .WithMetadata(new TakesColumns(columns.Has))
            .AddOpenApiOperationTransformer(
                (operation, _, _) =>
                {
                    operation.Parameters ??= [];
                    operation.Parameters.Add(
                        Parameter(
                            Name,
                            $"Each property is a parameter of its own: one of {columns.Names}, and the name that it has in the file.",
                            new() { Type = JsonSchemaType.Object, AdditionalProperties = Text() }
                        )
                    );
                    operation.Parameters.Add(
                        Parameter(ColumnParameters.IgnoreName, "Columns of the file that are not read.", new() { Type = JsonSchemaType.Array, Items = Text() })
                    );
                    return Task.CompletedTask;
                }
            );

    private static OpenApiParameter Parameter(string name, string description, OpenApiSchema schema) =>
        new()
        {
            Name = name,
            In = ParameterLocation.Query,
            Style = ParameterStyle.Form,
            Explode = true,
            Description = description,
            Schema = schema,
        };

    private static OpenApiSchema Text() => new() { Type = JsonSchemaType.String };
}
