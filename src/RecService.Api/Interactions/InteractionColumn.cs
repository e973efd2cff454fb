using Npgsql;
using RecService.Api.Http.Bulk;
using RecService.Api.Storage;

namespace RecService.Api.Interactions;

/// <summary>A column of interactions, on all ways in and out.</summary>
/// <param name="Name">In JSON and CSV.</param>
/// <param name="Sql">What the column of incoming rows is called in SQL, and by default that of stored ones.</param>
/// <param name="SqlType">The type of the former.</param>
/// <param name="Read">Takes a cell of it from a file into an interaction.</param>
internal abstract record InteractionColumn(string Name, string Sql, string SqlType, ReadCell<InteractionInput> Read)
{
    /// <summary>Whether files with columns must have it.</summary>
    public bool IsRequired { get; init; }

    /// <summary>Whether a parameter of an import may give all rows the same value by its plain text.</summary>
    public bool MayBeConstant { get; init; }

    /// <summary>Reads columns of the values by name that it holds; null where it holds none.</summary>
    public ReadKey<InteractionInput>? ReadKey { get; init; }

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
    public abstract void Write(CopyWriter copy, InteractionRow row);

    /// <summary>It as the parameter of a statement.</summary>
    public abstract NpgsqlParameter Parameter(InteractionRow row);

    /// <summary>It as a column of exports.</summary>
    public abstract ExportColumn OfExports { get; }

    /// <summary>Takes it, as the next of a COPY, to a row of an export.</summary>
    public abstract ValueTask ExportAsync(NpgsqlBinaryExporter from, IExportRows to, CancellationToken cancellationToken);

    /// <summary>It as a column of files.</summary>
    public ImportColumn<InteractionInput> OfFiles() =>
        new(Name, Read)
        {
            IsRequired = IsRequired,
            MayBeConstant = MayBeConstant,
            ReadKey = ReadKey,
        };
}

/// <inheritdoc/>
/// <param name="Name"/>
/// <param name="Sql"/>
/// <param name="Type">The type of its values.</param>
/// <param name="Of">Its value of a row.</param>
/// <param name="Read"/>
internal sealed record InteractionColumn<T>(
    string Name,
    string Sql,
    ColumnType<T> Type,
    Func<InteractionRow, T> Of,
    ReadCell<InteractionInput> Read
) : InteractionColumn(Name, Sql, Type.Sql, Read)
{
    public override void Write(CopyWriter copy, InteractionRow row) => Type.Write(copy, Of(row));

    public override NpgsqlParameter Parameter(InteractionRow row) => Type.Parameter(Of(row));

    public override ExportColumn OfExports => new(Name, Type.Kind, IsRequired);

    public override ValueTask ExportAsync(NpgsqlBinaryExporter from, IExportRows to, CancellationToken cancellationToken) =>
        Type.ExportAsync(from, to, Name, cancellationToken);
}
