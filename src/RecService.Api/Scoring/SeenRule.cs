using System.Globalization;
using Microsoft.Extensions.Options;
using RecService.Api.Domain;

namespace RecService.Api.Scoring;

/// <summary>Which items count as seen by a user.</summary>
/// <param name="Types">By which types of interactions; by none when empty.</param>
/// <param name="Since">From when on; null for ever.</param>
internal sealed record SeenRule(IReadOnlyList<string> Types, DateTimeOffset? Since);

/// <summary>Makes the rule of a request from what it says and from the settings.</summary>
internal sealed class SeenRules(IOptions<ScoringOptions> options, Feedback feedback, TimeProvider clock)
{
    private const int MostTypes = 100;

    /// <summary>The rule; errors name the parts of the filter after <paramref name="prefix"/>.</summary>
    public SeenRule Compile(FieldErrors errors, string prefix, ItemFilter? filter)
    {
        var within = options.Value.SeenWithin;
        if (filter?.SeenWithin is { } text)
        {
            if (TimeSpan.TryParseExact(text, "c", CultureInfo.InvariantCulture, out var asked) && asked > TimeSpan.Zero)
            {
                within = asked;
            }
            else
            {
                errors.Add($"{prefix}seenWithin", "must be a duration above 0, such as 30.00:00:00 ([days.]hours:minutes:seconds)");
            }
        }

        if (filter?.SeenTypes is { } types)
        {
            if (types.Length > MostTypes)
            {
                errors.Add($"{prefix}seenTypes", $"must hold at most {MostTypes} types");
            }

            for (var i = 0; i < types.Length; i++)
            {
                errors.Check($"{prefix}seenTypes[{i}]", types[i] is null ? "is required" : Features.NameProblem(types[i]));
            }
        }

        if (filter?.ExcludeSeen == false)
        {
            return new([], Since: null);
        }

        var now = clock.GetUtcNow();
        return new(
            filter?.SeenTypes ?? options.Value.SeenTypes ?? [.. feedback.Types.Where(type => type.Weight > 0).Select(type => type.Type)],
            within is { } span && span < now - DateTimeOffset.UnixEpoch ? now - span : null
        );
    }
}
