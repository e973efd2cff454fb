using System.Diagnostics;
using RecService.Api.Publishing;
using RecService.Api.Telemetry;
using RecService.Engine.Data;

namespace RecService.Api.Scoring;

/// <summary>An item of the catalogue with its rank value, as it is stored now.</summary>
internal readonly record struct Candidate(int Index, float Score, StoredItem Stored);

/// <summary>Ranks the catalogue for a request and leaves out what is gone, switched off or seen by now, without waiting for a publication.</summary>
internal sealed class Recommender(ScoringStore store, ServiceMetrics metrics)
{
    /// <summary>Where a ranking comes from, as answers and metrics say it.</summary>
    public const string ByModel = "model";
    public const string ByPopularity = "popularity";
    private const string BySimilarity = "similarity";

    /// <summary>Ranks by the model of the snapshot.</summary>
    public Task<List<Candidate>> ByModelAsync(
        Snapshot snapshot,
        RowBuffer request,
        ItemFilter? filter,
        bool[] excluded,
        int count,
        CancellationToken cancellationToken
    )
    {
        var ranker = snapshot.Model!.Ranker;
        return VerifiedAsync(
            snapshot.Catalog,
            filter,
            excluded,
            count,
            ByModel,
            wanted => [.. ranker.Top(request.Row, wanted, excluded).Select(r => (r.Item, r.Score))],
            cancellationToken
        );
    }

    /// <summary>Ranks by the number of users.</summary>
    public Task<List<Candidate>> ByPopularityAsync(
        ItemCatalog catalog,
        ItemFilter? filter,
        bool[] excluded,
        int count,
        CancellationToken cancellationToken
    ) =>
        VerifiedAsync(
            catalog,
            filter,
            excluded,
            count,
            ByPopularity,
            wanted => [.. catalog.ByPopularity.Where(i => !excluded[i]).Take(wanted).Select(i => (i, (float)catalog.Items[i].Users))],
            cancellationToken
        );

    /// <summary>Ranks by the cosine to an item's vector.</summary>
    public Task<List<Candidate>> BySimilarityAsync(Snapshot snapshot, int item, int count, CancellationToken cancellationToken)
    {
        var ranker = snapshot.Model!.Ranker;
        var excluded = CandidateFilter.Excluded(snapshot.Catalog, filter: null, seenItems: []);
        return VerifiedAsync(
            snapshot.Catalog,
            filter: null,
            excluded,
            count,
            BySimilarity,
            wanted => [.. ranker.Similar(item, wanted, excluded).Select(r => (r.Item, r.Score))],
            cancellationToken
        );
    }

    /// <summary>
    /// Takes candidates from a ranking until enough of them hold against the store, if that answers. Marks those that do not as excluded.
    /// </summary>
    private async Task<List<Candidate>> VerifiedAsync(
        ItemCatalog catalog,
        ItemFilter? filter,
        bool[] excluded,
        int count,
        string ranking,
        Func<int, (int Index, float Score)[]> rank,
        CancellationToken cancellationToken
    )
    {
        for (long wanted = count; ; wanted *= 2)
        {
            var start = Stopwatch.GetTimestamp();
            var ranked = rank((int)Math.Min(wanted, catalog.Count));
            metrics.Ranked(ranking, start);
            var stored = await store.FindItemsAsync([.. ranked.Select(r => catalog.Items[r.Index].ItemKey)], cancellationToken);
            var candidates = new List<Candidate>(ranked.Length);
            foreach (var (index, score) in ranked)
            {
                if (stored is null)
                {
                    candidates.Add(new(index, score, new(Available: true, catalog.Items[index].Tags, Metadata: null)));
                }
                else if (
                    stored.TryGetValue(catalog.Items[index].ItemKey, out var item)
                    && item.Available
                    && CandidateFilter.Allows(filter, item.Tags)
                )
                {
                    candidates.Add(new(index, score, item));
                }
                else
                {
                    excluded[index] = true;
                }
            }
            if (candidates.Count >= count || candidates.Count == ranked.Length)
            {
                return [.. candidates.Take(count)];
            }
        }
    }
}
