using RecService.Api.Domain;
using RecService.Api.Http.Bulk;
using Cells = RecService.Api.Http.Bulk.Cells<RecService.Api.Interactions.InteractionInput>;

namespace RecService.Api.Interactions;

/// <summary>The columns of interactions, from which come the statements that store and export them, and the columns of files.</summary>
internal static class InteractionColumns
{
    /// <summary>In the order of parameters, and of the properties in JSON.</summary>
    public static readonly IReadOnlyList<InteractionColumn> All =
    [
        new InteractionColumn<string?>(
            "interactionId",
            "interaction_id",
            ColumnTypes.Id,
            row => row.InteractionId,
            Cells.Text((input, id) => input with { InteractionId = id })
        )
        {
            Same = null,
        },
        new InteractionColumn<string?>(
            "userId",
            "user_id",
            ColumnTypes.Id,
            row => row.UserId,
            Cells.Text((input, id) => input with { UserId = id })
        )
        {
            IsRequired = true,
            Stored = "user_key",
            Value = "u.user_key",
            Same = null,
            Exported = "u.user_id",
        },
        new InteractionColumn<string?>(
            "itemId",
            "item_id",
            ColumnTypes.Id,
            row => row.ItemId,
            Cells.Text((input, id) => input with { ItemId = id })
        )
        {
            IsRequired = true,
            Stored = "item_key",
            Value = "m.item_key",
            Same = "m.item_key",
            Exported = "m.item_id",
        },
        new InteractionColumn<string?>("type", "type", ColumnTypes.Id, row => row.Type, Cells.Text((input, type) => input with { Type = type }))
        {
            IsRequired = true,
            MayBeConstant = true,
        },
        new InteractionColumn<double?>(
            "value",
            "value",
            ColumnTypes.Number,
            row => row.Value,
            Cells.Number((input, value) => input with { Value = value })
        ),
        new InteractionColumn<DateTimeOffset?>(
            "occurredAt",
            "occurred_at",
            ColumnTypes.Time,
            row => row.OccurredAt,
            EventTime.Read
        )
        {
            Value = "coalesce(i.occurred_at, i.received_at)",
            // Left out, it is not compared: the caller does not know when the first one was received.
            Same = "coalesce(i.occurred_at, s.occurred_at)",
        },
        new InteractionColumn<string[]>(
            "tags",
            "tags",
            ColumnTypes.Texts,
            row => row.Tags,
            Cells.Texts((input, tags) => input with { Tags = tags })
        ),
        new InteractionColumn<string>(
            "context",
            "context",
            ColumnTypes.Features,
            row => row.Context,
            Cells.Json<Dictionary<string, AttributeValue>>((input, context) => input with { Context = context })
        )
        {
            ReadKey = Cells.Feature(input => input.Context, (input, context) => input with { Context = context }),
            Exported = "i.context::text",
        },
        new InteractionColumn<string?>(
            "recommendationId",
            "recommendation_id",
            ColumnTypes.Text,
            row => row.RecommendationId,
            Cells.Text((input, id) => input with { RecommendationId = id })
        ),
    ];

    /// <summary>In files with columns.</summary>
    public static readonly ImportColumns<InteractionInput> OfFiles = new([.. All.Select(column => column.OfFiles())]);

    /// <summary>In exports.</summary>
    public static readonly IReadOnlyList<ExportColumn> OfExports = [.. All.Select(column => column.OfExports)];

    /// <summary>Of incoming rows.</summary>
    public static readonly string Names = Joined(column => column.Sql);

    /// <summary>Of incoming rows, with their types.</summary>
    public static readonly string Definitions = Joined(column => $"{column.Sql} {column.SqlType}");

    /// <summary>An incoming row from the parameters 1 and following.</summary>
    public static readonly string Parameters = string.Join(
        ", ",
        All.Select((column, i) => FormattableString.Invariant($"${i + 1}::{column.SqlType} AS {column.Sql}"))
    );

    /// <summary>What an export has of a row <c>i</c>, its user <c>u</c> and its item <c>m</c>.</summary>
    public static readonly string Exported = Joined(column => column.Exported);

    /// <summary>Whether the row <c>s</c>, which is stored under the id of the incoming row <c>i</c> with its item <c>m</c>, is another event.</summary>
    public static readonly string IsConflict = Differs([.. All.Where(column => column.Same is not null)]);

    /// <summary>Stores incoming rows, which have a key or none, and a time of receipt; those whose id is stored already are left.</summary>
    /// <param name="incoming">A table or a query.</param>
    /// <param name="order">Whose columns are those of <c>i</c>.</param>
    public static string Insert(string incoming, string order = "") =>
        $"""
            INSERT INTO interactions (interaction_key, {Joined(column => column.Stored)}, received_at)
            SELECT coalesce(i.interaction_key, nextval('interactions_interaction_key_seq')), {Joined(column => column.Value)}, i.received_at
            FROM ({incoming}) AS i JOIN users AS u ON u.user_id = i.user_id JOIN items AS m ON m.item_id = i.item_id {order}
            ON CONFLICT (user_key, interaction_id) WHERE interaction_id IS NOT NULL DO NOTHING
            """;

    private static string Differs(IReadOnlyCollection<InteractionColumn> columns) =>
        $"({string.Join(", ", columns.Select(column => $"s.{column.Stored}"))}) IS DISTINCT FROM ({string.Join(", ", columns.Select(column => column.Same))})";

    private static string Joined(Func<InteractionColumn, string> part) => string.Join(", ", All.Select(part));
}
