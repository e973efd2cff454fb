namespace RecService.Engine.Evaluation;

/// <summary>A ranking to measure: whom it is for, in which context, and the held-out items that should come first in it.</summary>
public sealed class RankingQuery
{
    private readonly int[] _relevant;

    /// <param name="user">Row of the user.</param>
    /// <param name="context">Row of the context.</param>
    /// <param name="relevant">Rows of the items, at least one, in any order; a repeated item counts once.</param>
    /// <exception cref="ArgumentException">There is no item.</exception>
    /// <exception cref="ArgumentOutOfRangeException">A row is negative.</exception>
    public RankingQuery(int user, int context, params ReadOnlySpan<int> relevant)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(user);
        ArgumentOutOfRangeException.ThrowIfNegative(context);
        if (relevant.IsEmpty)
        {
            throw new ArgumentException($"The query for user row {user} has no item that should come first.", nameof(relevant));
        }

        foreach (var item in relevant)
        {
            ArgumentOutOfRangeException.ThrowIfNegative(item, nameof(relevant));
        }

        User = user;
        Context = context;
        _relevant = relevant.Length == 1 ? [relevant[0]] : [.. new SortedSet<int>(relevant.ToArray())];
    }

    /// <summary>Row of the user.</summary>
    public int User { get; }

    /// <summary>Row of the context.</summary>
    public int Context { get; }

    /// <summary>Rows of items left out of this ranking, beside those that are left out for its user.</summary>
    public IReadOnlyList<int> Excluded { get; init; } = [];

    /// <summary>Rows of the items that should come first, ascending and distinct.</summary>
    public ReadOnlySpan<int> Relevant => _relevant;

    /// <summary>
    /// The queries that held-out pairs (user, item) make: one for each user, or for each user and context, by user and then by context. Pairs may
    /// come in any
    /// order and repeat.
    /// </summary>
    /// <param name="users">User row of each pair.</param>
    /// <param name="items">Item row of each pair.</param>
    /// <param name="contexts">Context row of each pair; empty when all have context 0.</param>
    /// <exception cref="ArgumentException">The lengths differ.</exception>
    /// <exception cref="ArgumentOutOfRangeException">A row is negative.</exception>
    public static IReadOnlyList<RankingQuery> FromPairs(ReadOnlySpan<int> users, ReadOnlySpan<int> items, ReadOnlySpan<int> contexts = default)
    {
        if (items.Length != users.Length || (!contexts.IsEmpty && contexts.Length != users.Length))
        {
            throw new ArgumentException(
                $"There are {users.Length} users, {items.Length} items and {contexts.Length} contexts; each pair needs one of each, or there are no contexts."
            );
        }

        var relevant = new SortedDictionary<(int User, int Context), List<int>>();
        for (var pair = 0; pair < users.Length; pair++)
        {
            var key = (users[pair], contexts.IsEmpty ? 0 : contexts[pair]);
            if (!relevant.TryGetValue(key, out var ofQuery))
            {
                relevant.Add(key, ofQuery = []);
            }

            ofQuery.Add(items[pair]);
        }

        return [.. relevant.Select(query => new RankingQuery(query.Key.User, query.Key.Context, [.. query.Value]))];
    }
}

/// <summary>Fills in the score of every item for a query. Called from several threads at once where the evaluator may use several.</summary>
/// <param name="query">The query. What is relevant to it is what the scores are measured by, and must not enter them.</param>
/// <param name="scores">A place for each item, 0 at first.</param>
public delegate void ItemScores(RankingQuery query, Span<float> scores);
