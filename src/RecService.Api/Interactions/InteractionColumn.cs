using System.Text.Json;
using Npgsql;
using RecService.Api.Domain;

namespace RecService.Api.Interactions;

/// <summary>Takes a cell of CSV, under its header, into an interaction; what is wrong with it goes to the errors.</summary>
internal delegate InteractionInput ReadCell(FieldErrors errors, string header, InteractionInput input, string cell);

/// <summary>A column of interactions, on all ways in and out.</summary>
/// <param name="Name">In JSON and CSV.</param>
/// <param name="Sql">What the column of incoming rows is called in SQL, and by default that of stored ones.</param>
/// <param name="SqlType">The type of the former.</param>
/// <param name="ReadCell">Reads it from CSV.</param>
internal abstract record InteractionColumn(string Name, string Sql, string SqlType, ReadCell ReadCell)
{
    /// <summary>Whether CSV must have it.</summary>
    public bool IsRequired { get; init; }

    /// <summary>Whether it holds values by name, for which CSV has a column each: the name behind a dot.</summary>
    public bool HasNames { get; init; }

    /// <summary>The column of stored rows.</summary>
    public string Stored { get; init; } = Sql;

    /// <summary>What is stored, by an incoming row <c>i</c>, its user <c>u</c> and its item <c>m</c>.</summary>
    public string Value { get; init; } = $"i.{Sql}";

    /// <summary>
    /// What a stored row <c>s</c> has to be equal to for the incoming one to be the same event; null: it tells which event it is, and is equal.
    /// </summary>
    public string? Same { get; init; } = $"i.{Sql}";

    /// <summary>What an export has of a stored row <c>i</c>, its user <c>u</c> and its item <c>m</c>.</summary>
    public string Exported { get; init; } = $"i.{Sql}";

    /// <summary>Writes it as the next of a COPY.</summary>
    public abstract Task WriteAsync(NpgsqlBinaryImporter importer, InteractionRow row, CancellationToken cancellationToken);

    /// <summary>It as the parameter of a statement.</summary>
    public abstract NpgsqlParameter Parameter(InteractionRow row);

    /// <summary>Takes it, as the next of a COPY, to a line of an export.</summary>
    public abstract ValueTask ExportAsync(NpgsqlBinaryExporter from, Utf8JsonWriter to, CancellationToken cancellationToken);

    /// <summary>Whether a column of CSV is this one.</summary>
    public bool Is(string header) =>
        HasNames
            ? header.StartsWith(Name, StringComparison.Ordinal) && header.AsSpan(Name.Length) is ['.', ..]
            : header.Equals(Name, StringComparison.Ordinal);
}

/// <inheritdoc/>
/// <param name="Name"/>
/// <param name="Sql"/>
/// <param name="Type">The type of its values.</param>
/// <param name="Of">Its value of a row.</param>
/// <param name="ReadCell"/>
internal sealed record InteractionColumn<T>(string Name, string Sql, ColumnType<T> Type, Func<InteractionRow, T> Of, ReadCell ReadCell)
    : InteractionColumn(Name, Sql, Type.Sql, ReadCell)
{
    public override Task WriteAsync(NpgsqlBinaryImporter importer, InteractionRow row, CancellationToken cancellationToken) =>
        Type.WriteAsync(importer, Of(row), cancellationToken);

    public override NpgsqlParameter Parameter(InteractionRow row) => Type.Parameter(Of(row));

    public override ValueTask ExportAsync(NpgsqlBinaryExporter from, Utf8JsonWriter to, CancellationToken cancellationToken) =>
        Type.ExportAsync(from, to, Name, cancellationToken);
}
