using Microsoft.EntityFrameworkCore;
using RecService.Api.Domain;
using RecService.Api.Http.Queries;
using RecService.Api.Storage;
using RecService.Api.Storage.Entities;

namespace RecService.Api.Interactions;

/// <summary>Which interactions a request is about. All conditions have to hold.</summary>
internal sealed record InteractionFilter
{
    /// <summary>Interactions of this user.</summary>
    public string? UserId { get; init; }

    /// <summary>Interactions with this item.</summary>
    public string? ItemId { get; init; }

    /// <summary>Interactions of this type.</summary>
    public string? Type { get; init; }

    /// <summary>Interactions that happened at this time or later.</summary>
    public DateTimeOffset? From { get; init; }

    /// <summary>Interactions that happened before this time.</summary>
    public DateTimeOffset? To { get; init; }

    public bool IsEmpty => UserId is null && ItemId is null && Type is null && From is null && To is null;

    /// <summary>The filter that a query says; what is wrong with it goes to the errors.</summary>
    public static InteractionFilter Read(FieldErrors errors, string? userId, string? itemId, string? type, string? from, string? to)
    {
        var filter = new InteractionFilter
        {
            UserId = userId,
            ItemId = itemId,
            Type = type,
            From = TimeParameters.Read(errors, "from", from),
            To = TimeParameters.Read(errors, "to", to),
        };
        filter.Validate(errors);
        return filter;
    }

    /// <summary>The interactions; null when the user or the item is unknown, so that there can be none.</summary>
    public async Task<IQueryable<Interaction>?> QueryAsync(RecServiceDbContext context, CancellationToken cancellationToken)
    {
        var interactions = context.Interactions.AsNoTracking();

        // The keys are looked up first: with them the planner sees that an index gives the order as well.
        if (UserId is not null)
        {
            var key = await context.Users.Where(user => user.UserId == UserId).Select(user => user.UserKey).SingleOrDefaultAsync(cancellationToken);
            if (key == 0)
            {
                return null;
            }

            interactions = interactions.Where(interaction => interaction.UserKey == key);
        }

        if (ItemId is not null)
        {
            var key = await context.Items.Where(item => item.ItemId == ItemId).Select(item => item.ItemKey).SingleOrDefaultAsync(cancellationToken);
            if (key == 0)
            {
                return null;
            }

            interactions = interactions.Where(interaction => interaction.ItemKey == key);
        }

        if (Type is not null)
        {
            interactions = interactions.Where(interaction => interaction.Type == Type);
        }

        if (From?.ToUniversalTime() is { } from)
        {
            interactions = interactions.Where(interaction => interaction.OccurredAt >= from);
        }

        if (To?.ToUniversalTime() is { } to)
        {
            interactions = interactions.Where(interaction => interaction.OccurredAt < to);
        }

        return interactions;
    }

    /// <summary>The filter as the audit log shows it: users by their hashes.</summary>
    public override string ToString()
    {
        string?[] conditions =
        [
            UserId is null ? null : $"user={AuditLog.User(UserId)}",
            ItemId is null ? null : $"itemId={ItemId}",
            Type is null ? null : $"type={Type}",
            From is null ? null : $"from={From:O}",
            To is null ? null : $"to={To:O}",
        ];
        return string.Join('&', conditions.OfType<string>());
    }

    private void Validate(FieldErrors errors)
    {
        if (UserId is not null && ExternalId.Problem(UserId) is { } userProblem)
        {
            errors.Add("userId", userProblem);
        }

        if (ItemId is not null && ExternalId.Problem(ItemId) is { } itemProblem)
        {
            errors.Add("itemId", itemProblem);
        }

        if (Type is not null && Features.NameProblem(Type) is { } typeProblem)
        {
            errors.Add("type", typeProblem);
        }

        if (From > To)
        {
            errors.Add("from", "must not be later than 'to'");
        }
    }
}
