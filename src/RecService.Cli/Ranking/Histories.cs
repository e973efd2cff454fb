using RecService.Engine.Data.Histories;
using RecService.Engine.Evaluation;

namespace RecService.Cli.Ranking;

/// <summary>What users chose, one after the other.</summary>
/// <param name="rows">Users, items and contexts.</param>
/// <param name="settings">How histories are pooled; null where models have none.</param>
/// <param name="train">The choices to learn from.</param>
/// <param name="valid">Those that tell when to stop, which follow them.</param>
internal sealed class Histories(RankingRows rows, HistorySettings? settings, Choices train, Choices? valid)
{
    private readonly List<(int Item, int Context, double? Time, bool IsValid)>[] _ofUsers = OfUsers(rows, train, valid);

    /// <summary>The sequences to learn from.</summary>
    public SequenceSet Train => Sequences(user => [.. _ofUsers[user].Where(choice => !choice.IsValid)], predictsAll: true, ofTraining: true);

    /// <summary>Those that tell when to stop: of users who have such choices, and with what was before.</summary>
    public SequenceSet? Valid =>
        valid is null ? null : Sequences(user => _ofUsers[user].Exists(choice => choice.IsValid) ? _ofUsers[user] : [], predictsAll: false, ofTraining: false);

    /// <summary>What a user chose before a test, pooled.</summary>
    public PooledHistory Pool(HistoryPooling pooling, RankingQuery query, double? moment) => pooling.Pool(EventsOf(query.User), moment);

    /// <summary>When a user chose last before a test; null without a time.</summary>
    public double? LastOf(int user) => _ofUsers[user] is [.., var last] ? last.Time : null;

    private HistoryEvent[] EventsOf(int user) =>
        // Without times, the places in the file are as good.
        [.. _ofUsers[user].Select((choice, place) => new HistoryEvent(choice.Item, 1, choice.Time ?? place))];

    private static List<(int Item, int Context, double? Time, bool IsValid)>[] OfUsers(RankingRows rows, Choices train, Choices? valid)
    {
        List<(int Item, int Context, double? Time, bool IsValid)>[] ofUsers = [.. Enumerable.Range(0, rows.Users.Count).Select(_ => new List<(int, int, double?, bool)>())];
        foreach (var (choices, isValid) in new[] { (train, false), (valid, true) })
        {
            for (var choice = 0; choice < (choices?.Count ?? 0); choice++)
            {
                ofUsers[choices!.Users[choice]].Add((choices.Items[choice], choices.Contexts[choice], choices.Times?[choice], isValid));
            }
        }

        for (var user = 0; user < ofUsers.Length && train.Times is not null; user++)
        {
            // Of equal times in the order of the files.
            ofUsers[user] = [.. ofUsers[user].OrderBy(choice => choice.Time)];
        }

        return ofUsers;
    }

    private SequenceSet Sequences(
        Func<int, List<(int Item, int Context, double? Time, bool IsValid)>> choicesOf,
        bool predictsAll,
        bool ofTraining
    )
    {
        var (users, starts) = (new List<int>(), new List<int> { 0 });
        var (items, contexts, weights, times) = (new List<int>(), new List<int>(), new List<float>(), new List<double>());
        for (var user = 0; user < _ofUsers.Length; user++)
        {
            var choices = choicesOf(user);
            if (choices.Count == 0)
            {
                continue;
            }

            foreach (var choice in choices)
            {
                items.Add(choice.Item);
                contexts.Add(choice.Context);
                weights.Add(predictsAll || choice.IsValid ? 1 : 0);
                times.Add(choice.Time ?? 0);
            }

            users.Add(user);
            starts.Add(items.Count);
        }

        var ofContexts = ofTraining ? rows.TrainContexts : rows.Contexts;
        return new()
        {
            Users = ofTraining ? rows.TrainUsers : rows.Users,
            Items = ofTraining ? rows.TrainItems : rows.Items,
            Roles =
                settings is null ? null
                : ofTraining ? rows.TrainRoles
                : rows.Roles,
            Contexts = ofContexts,
            Starts = [.. starts],
            UserOf = [.. users],
            ItemOf = [.. items],
            ContextOf = ofContexts is null ? null : [.. contexts],
            Weights = [.. weights],
            Times = train.Times is null ? null : [.. times],
        };
    }
}
