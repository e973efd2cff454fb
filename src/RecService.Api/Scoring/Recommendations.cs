using RecService.Api.Publishing;
using RecService.Engine.Data;

namespace RecService.Api.Scoring;

/// <summary>Answers requests for recommendations by one snapshot; whatever has to be read is read for all of them at once.</summary>
internal static class Recommendations
{
    public static async Task<RecommendationResponse[]> AnswerAsync(
        RankingServices services,
        Snapshot snapshot,
        IReadOnlyList<CheckedRequest> requests,
        CancellationToken cancellationToken
    )
    {
        var store = services.Store;
        var recent = await RecentItems.FindAsync(
            snapshot,
            [.. requests.Select(asked => (asked.Request.RecentItems, asked.Request.HistoryMode))],
            store,
            cancellationToken
        );
        var answers = await AnswerAsync(services, snapshot, requests, recent, fresh: false, cancellationToken);
        int[] outdated = [.. Enumerable.Range(0, requests.Count).Where(i => requests[i].Request.UserId is { } id && store.IsOutdated(id))];
        if (outdated.Length > 0)
        {
            CheckedRequest[] again = [.. outdated.Select(i => requests[i])];
            var anew = await AnswerAsync(services, snapshot, again, [.. outdated.Select(i => recent[i])], fresh: true, cancellationToken);
            foreach (var (place, i) in outdated.Index())
            {
                answers[i] = anew[place];
            }
        }

        foreach (var answer in answers)
        {
            services.Metrics.Recommended(answer.Source);
        }

        return answers;
    }

    private static async Task<RecommendationResponse[]> AnswerAsync(
        RankingServices services,
        Snapshot snapshot,
        IReadOnlyList<CheckedRequest> requests,
        RecentItems[] recent,
        bool fresh,
        CancellationToken cancellationToken
    )
    {
        var users = await FindUsersAsync(snapshot, requests, recent, services.Store, fresh, cancellationToken);
        Subject[] subjects =
        [
            .. requests.Select(
                (asked, i) =>
                    new Subject(
                        users[i],
                        asked.Context,
                        recent[i],
                        asked
                            .Filter.Without(users[i]?.LeftOutItems ?? [])
                            .Without(asked.Request.Filter?.ExcludeSeen ?? true ? [.. recent[i].SeenKeys] : [])
                            .Without(asked.Served.ItemKeys),
                        asked.Count,
                        asked.Request.Include,
                        asked.Request.UserId,
                        asked.Served
                    )
            ),
        ];
        return await RankAsync(services, snapshot, subjects, cancellationToken);
    }

    /// <summary>Ranks for those of whom all is known that there is to know.</summary>
    public static async Task<RecommendationResponse[]> RankAsync(
        RankingServices services,
        Snapshot snapshot,
        IReadOnlyList<Subject> subjects,
        CancellationToken cancellationToken
    )
    {
        var (store, now) = (services.Store, services.Clock.GetUtcNow());
        List<PastEvent>[] events =
        [
            .. subjects.Select(subject => subject.Recent.After(subject.User?.History ?? [], snapshot.Model?.Model.History, now)),
        ];
        var pooling = await RequestPooling.CreateAsync(snapshot, snapshot.Model, events.SelectMany(e => e), store, now, cancellationToken);
        Ranking[] rankings =
        [
            .. subjects.Select(
                (subject, i) => RecommendationSources.Rank(snapshot, new(subject.User?.Features, subject.Context, pooling.Pool(events[i])))
            ),
        ];
        var top = await services.Recommender.TopAsync(
            [.. subjects.Select((subject, i) => new WantedList(rankings[i], subject.Filter, subject.Count))],
            cancellationToken
        );
        var answers = new RecommendationResponse[subjects.Count];
        for (var i = 0; i < answers.Length; i++)
        {
            cancellationToken.ThrowIfCancellationRequested();
            answers[i] = Answer(subjects[i], rankings[i], top[i], store);
        }

        return answers;
    }

    private static RecommendationResponse Answer(Subject subject, Ranking ranking, IReadOnlyList<Candidate> top, StoreReader store)
    {
        var before = subject.Served?.ItemKeys.Count ?? 0;
        return new(
            Guid.CreateVersion7().ToString(),
            ranking.Model?.Version,
            ranking.Source,
            [
                .. top.Select(candidate =>
                    RecommendedItem.From(candidate with { Rank = before + candidate.Rank }, ranking.Details(candidate.Ranked, subject.Include))
                ),
            ],
            store.MissingOf(subject.UserId is not null, history: !subject.Recent.Replaces),
            ranking.Personalization,
            subject.UserId is null || store.KnowsUsers ? subject.User is not null : null,
            subject.Recent.Unknown,
            top.Count < subject.Count
                ? null
                : subject.Served?.After(ranking.Model?.Version, subject.UserId, top.Select(candidate => candidate.Item.ItemKey))
        );
    }

    /// <summary>The user of each request; null without one, or of an id that nobody has named.</summary>
    private static async Task<StoredUser?[]> FindUsersAsync(
        Snapshot snapshot,
        IReadOnlyList<CheckedRequest> requests,
        RecentItems[] recent,
        StoreReader store,
        bool fresh,
        CancellationToken cancellationToken
    )
    {
        int[] withUser = [.. Enumerable.Range(0, requests.Count).Where(i => requests[i].Request.UserId is not null)];
        var history = snapshot.Model?.Model.History;
        var found = await store.FindUsersAsync(
            [.. withUser.Select(i => new AskedUser(requests[i].Request.UserId!, requests[i].Seen, recent[i].Replaces ? null : history))],
            fresh,
            cancellationToken
        );
        var users = new StoredUser?[requests.Count];
        foreach (var (place, i) in withUser.Index())
        {
            users[i] = found[place];
        }

        return users;
    }

    /// <summary>Whom items are recommended for, and which.</summary>
    /// <param name="User">The user as stored; null for none.</param>
    /// <param name="Context">The circumstances.</param>
    /// <param name="Recent">What was done just now.</param>
    /// <param name="Filter">The items that are allowed.</param>
    /// <param name="Count">How many items.</param>
    /// <param name="Include">What to tell of each in addition.</param>
    /// <param name="UserId">The user that was asked for, known or not.</param>
    /// <param name="Served">What former pages have shown; null of a list that has no pages.</param>
    internal sealed record Subject(
        StoredUser? User,
        EntityFeatures Context,
        RecentItems Recent,
        CandidateFilter Filter,
        int Count,
        string[]? Include,
        string? UserId,
        ServedItems? Served
    );
}
