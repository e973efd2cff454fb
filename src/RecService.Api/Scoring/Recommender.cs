using System.Diagnostics;
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
internal sealed class Recommender(StoreReader store, ServiceMetrics metrics)
{
    /// <summary>The first items that a filter allows, by the snapshot and, if the database answers, by what is stored now.</summary>
    public async Task<IReadOnlyList<Candidate>> TopAsync(Ranking ranking, CandidateFilter filter, int count, CancellationToken cancellationToken) =>
        (await TopAsync([new(ranking, filter, count)], cancellationToken))[0];

    /// <summary>As much for each of several lists; what is stored is read for all of them at once.</summary>
    public async Task<IReadOnlyList<Candidate>[]> TopAsync(IReadOnlyList<WantedList> lists, CancellationToken cancellationToken)
    {
        Search[] searches = [.. lists.Select(list => new Search(list))];
        for (var open = searches; open.Length > 0; open = [.. open.Where(search => !search.IsDone)])
        {
            Rank(open, cancellationToken);
            var stored = await store.FindItemsAsync([.. open.SelectMany(search => search.ItemKeys).Distinct()], cancellationToken);
            foreach (var search in open)
            {
                search.Judge(stored);
            }
        }

        return [.. searches.Select(search => search.Found)];
    }

    // One after the other: here is the place for lists by one model to go over the items' vectors together, a block of them at a time.
    private void Rank(Search[] searches, CancellationToken cancellationToken)
    {
        foreach (var search in searches)
        {
            cancellationToken.ThrowIfCancellationRequested();
            var start = Stopwatch.GetTimestamp();
            search.Rank();
            metrics.Ranked(search.Source, start);
        }
    }

    /// <summary>Goes down a ranking, twice as far each time, until enough items are fit.</summary>
    private sealed class Search(WantedList list)
    {
        private readonly HashSet<int> _unfit = [];
        private long _depth = list.Count;
        private IReadOnlyList<RankedItem> _ranked = [];
        private List<Candidate> _found = [];

        public bool IsDone { get; private set; }

        public string Source => list.Ranking.Source;

        public IReadOnlyList<Candidate> Found => _found;

        /// <summary>The keys of what was ranked last.</summary>
        public IEnumerable<long> ItemKeys => _ranked.Select(place => list.Ranking.Catalog.Items[place.Item].ItemKey);

        public void Rank()
        {
            var catalog = list.Ranking.Catalog;
            var excluded = list.Filter.Excluded(catalog);
            foreach (var item in _unfit)
            {
                excluded[item] = true;
            }

            _ranked = list.Ranking.Top((int)Math.Min(_depth, catalog.Count), excluded);
            _depth *= 2;
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
