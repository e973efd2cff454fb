using System.Diagnostics;
using Microsoft.Extensions.ObjectPool;
using RecService.Api.Publishing;
using RecService.Api.Telemetry;
using RecService.Engine.Scoring;

namespace RecService.Api.Scoring;

/// <summary>An item to be recommended.</summary>
/// <param name="Rank">From 1.</param>
/// <param name="Ranked">Its index in the catalogue, and what it is ranked by.</param>
/// <param name="Item">The item in the catalogue.</param>
/// <param name="Stored">The item as it is stored now.</param>
internal sealed record Candidate(int Rank, RankedItem Ranked, CatalogItem Item, StoredItem Stored);

/// <summary>A list that is wanted.</summary>
/// <param name="Ranking">The order.</param>
/// <param name="Filter">The items that are allowed.</param>
/// <param name="Count">How many items.</param>
internal readonly record struct WantedList(Ranking Ranking, CandidateFilter Filter, int Count);

/// <summary>Takes the first items of rankings that are fit to be recommended now, without waiting for a publication.</summary>
internal sealed class Recommender(StoreReader store, JoinedRanking joined, ServiceMetrics metrics)
{
    // They are as large as the catalogue, and so not made anew for each request.
    private static readonly DefaultObjectPool<ItemSet> Sets = new(new ItemSetPolicy(), maximumRetained: 2 * JoinedRanking.AtOnce);

    /// <summary>The first items that a filter allows, by the snapshot and, if the database answers, by what is stored now.</summary>
    public async Task<IReadOnlyList<Candidate>> TopAsync(Ranking ranking, CandidateFilter filter, int count, CancellationToken cancellationToken) =>
        (await TopAsync([new(ranking, filter, count)], cancellationToken))[0];

    /// <summary>As much for each of several lists; what is stored is read for all of them at once.</summary>
    public async Task<IReadOnlyList<Candidate>[]> TopAsync(IReadOnlyList<WantedList> lists, CancellationToken cancellationToken)
    {
        Search[] searches = [.. lists.Select(list => new Search(list))];
        for (var open = searches; open.Length > 0; open = [.. open.Where(search => !search.IsDone)])
        {
            await RankAsync(open, cancellationToken);
            var stored = await store.FindItemsAsync([.. open.SelectMany(search => search.ItemKeys).Distinct()], cancellationToken);
            foreach (var search in open)
            {
                search.Judge(stored);
            }
        }

        return [.. searches.Select(search => search.Found)];
    }

    /// <summary>Ranks for each search; those by one model go over the items' vectors together.</summary>
    private async Task RankAsync(Search[] searches, CancellationToken cancellationToken)
    {
        var byRanker = searches.GroupBy(search => (object?)(search.Ranking as ModelRanking)?.Ranker ?? search);
        foreach (var together in byRanker.SelectMany(group => group.Chunk(JoinedRanking.AtOnce)))
        {
            cancellationToken.ThrowIfCancellationRequested();
            var start = Stopwatch.GetTimestamp();
            var sets = Array.ConvertAll(together, search => search.Allow(Sets));
            if (together[0].Ranking is ModelRanking { Ranker: var ranker })
            {
                var ranked = await joined.TopManyAsync(
                    ranker,
                    [.. together.Select((search, i) => ((ModelRanking)search.Ranking).Request(search.Depth, sets[i]))],
                    cancellationToken
                );
                for (var i = 0; i < together.Length; i++)
                {
                    together[i].Take(ranked[i]);
                }
            }
            else
            {
                together[0].Take(together[0].Ranking.Top(together[0].Depth, sets[0]));
            }

            foreach (var (search, set) in together.Zip(sets))
            {
                Sets.Return(set);
                metrics.Ranked(search.Ranking.Source, start);
            }
        }
    }

    /// <summary>Goes down a ranking, twice as far each time, until enough items are fit.</summary>
    private sealed class Search(WantedList list)
    {
        private readonly HashSet<int> _unfit = [];
        private IReadOnlyList<RankedItem> _ranked = [];
        private List<Candidate> _found = [];

        public bool IsDone { get; private set; }

        public Ranking Ranking => list.Ranking;

        /// <summary>How far down the ranking it goes next.</summary>
        public int Depth { get; private set; } = Math.Min(list.Count, list.Ranking.Catalog.Count);

        public IReadOnlyList<Candidate> Found => _found;

        /// <summary>The keys of what was ranked last.</summary>
        public IEnumerable<long> ItemKeys => _ranked.Select(place => list.Ranking.Catalog.Items[place.Item].ItemKey);

        /// <summary>The items that may be found, in a set of a pool.</summary>
        public ItemSet Allow(ObjectPool<ItemSet> sets)
        {
            var (allowed, scratch) = (sets.Get(), sets.Get());
            list.Filter.Allow(list.Ranking.Catalog, allowed, scratch);
            sets.Return(scratch);
            foreach (var item in _unfit)
            {
                allowed[item] = false;
            }

            return allowed;
        }

        /// <summary>Takes over what was ranked.</summary>
        public void Take(IReadOnlyList<RankedItem> ranked)
        {
            _ranked = ranked;
            Depth = (int)Math.Min(2L * Depth, list.Ranking.Catalog.Count);
        }

        /// <summary>Judges what was ranked by what is stored now; by the snapshot when that could not be read.</summary>
        public void Judge(Dictionary<long, StoredItem>? stored)
        {
            _found = new(_ranked.Count);
            foreach (var place in _ranked)
            {
                var item = list.Ranking.Catalog.Items[place.Item];
                var now = stored is null ? new(item.Facts, Metadata: null) : stored.GetValueOrDefault(item.ItemKey);
                if (now is not null && list.Filter.Allows(now.Facts))
                {
                    _found.Add(new(_found.Count + 1, place, item, now));
                }
                else
                {
                    _unfit.Add(place.Item);
                }
            }

            IsDone = _found.Count >= list.Count || _found.Count == _ranked.Count;
            if (_found.Count > list.Count)
            {
                _found.RemoveRange(list.Count, _found.Count - list.Count);
            }
        }
    }
}

/// <summary>Sets of items that are filled anew whenever they are taken.</summary>
file sealed class ItemSetPolicy : PooledObjectPolicy<ItemSet>
{
    public override ItemSet Create() => new(0);

    public override bool Return(ItemSet obj) => true;
}
