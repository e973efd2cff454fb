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

/// <summary>Takes the first items of a ranking that are fit to be recommended now, without waiting for a publication.</summary>
internal sealed class Recommender(StoreReader store, ServiceMetrics metrics)
{
    /// <summary>The first items that a filter allows, by the snapshot and, if the database answers, by what is stored now.</summary>
    public async Task<IReadOnlyList<Candidate>> TopAsync(Ranking ranking, CandidateFilter filter, int count, CancellationToken cancellationToken)
    {
        var catalog = ranking.Catalog;
        var excluded = filter.Excluded(catalog);
        for (long wanted = count; ; wanted *= 2)
        {
            var start = Stopwatch.GetTimestamp();
            var ranked = ranking.Top((int)Math.Min(wanted, catalog.Count), excluded);
            metrics.Ranked(ranking.Source, start);
            var stored = await store.FindItemsAsync([.. ranked.Select(r => catalog.Items[r.Item].ItemKey)], cancellationToken);
            var candidates = new List<Candidate>(ranked.Count);
            foreach (var place in ranked)
            {
                var item = catalog.Items[place.Item];
                var now = stored is null ? new(item.Facts, Metadata: null) : stored.GetValueOrDefault(item.ItemKey);
                if (now is not null && filter.Allows(now.Facts))
                {
                    candidates.Add(new(candidates.Count + 1, place, item, now));
                }
                else
                {
                    excluded[place.Item] = true;
                }
            }

            if (candidates.Count >= count || candidates.Count == ranked.Count)
            {
                return candidates.Count <= count ? candidates : candidates[..count];
            }
        }
    }
}
