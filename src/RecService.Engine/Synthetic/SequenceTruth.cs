using RecService.Engine.Numerics;

namespace RecService.Engine.Synthetic;

/// <summary>
/// Users who take one item after the other, by tastes that drift and moods that pass, drawn from known probabilities, so that one can tell how close
/// a trained model comes to the best attainable ranking. Immutable and safe for concurrent use.
/// </summary>
/// <remarks>
/// The log-probability of item i is, up to a constant, b_i + ⟨t + m + d, v_i⟩ over the items that the user has not taken yet. The vector v_i is that of
/// the item's tags and something of its own; the taste t is partly that of the user's country, and the rest of it moves a step from session to
/// session; the mood m is pulled to each item that is taken, and ends with the session; d belongs to the session's device. Types of events are drawn
/// without regard to all that.
/// </remarks>
public sealed class SequenceTruth
{
    /// <summary>How many items <see cref="BestHitRate"/> may name.</summary>
    public const int Depth = 10;

    private const double TagShare = 0.7;
    private const double CountryShare = 0.2;
    private const int FewestEvents = 4;
    private static readonly TimeSpan ShortestStep = TimeSpan.FromSeconds(15);
    private static readonly (string Type, double Share)[] Types = [("view", 0.6), ("click", 0.25), ("like", 0.05), ("purchase", 0.1)];

    private readonly SequenceTruthOptions _options;
    private readonly double[] _popularity;
    private readonly double[][] _items;
    private readonly double[][] _countries;
    private readonly double[][] _devices;

    private SequenceTruth(SequenceTruthOptions options)
    {
        _options = options;
        Users = GroundTruthDraw.Users(options.Users, Stream(1));
        Items = GroundTruthDraw.Items(options.Items, Stream(2));
        var random = Stream(3);
        _popularity = [.. Items.Select(_ => options.PopularityDeviation * random.NextNormal())];
        var tags = Vectors(GroundTruthWords.ItemTags.Length, random);
        _items = [.. Items.Select(item => ItemVector(item, tags, random))];
        _countries = Vectors(GroundTruthWords.Countries.Length, random);
        _devices = Vectors(GroundTruthWords.Devices.Length, random);

        random = Stream(4);
        var events = new List<GroundTruthInteraction>();
        var hits = 0.0;
        for (var user = 0; user < options.Users; user++)
        {
            hits += Live(user, events, random);
        }

        BestHitRate = hits / options.Users;
        // Events of different users at the same time stay in the order of users: OrderBy is stable.
        Interactions = [.. events.OrderBy(e => e.OccurredAt)];
    }

    /// <summary>The users, in the order of their ids.</summary>
    public IReadOnlyList<GroundTruthUser> Users { get; }

    /// <summary>The items, in the order of their ids.</summary>
    public IReadOnlyList<GroundTruthItem> Items { get; }

    /// <summary>The events in the order of time: views, clicks, likes and purchases; no user takes an item twice, or two items at a time.</summary>
    public IReadOnlyList<GroundTruthInteraction> Interactions { get; }

    /// <summary>
    /// The share of the users' newest events whose item is among the <see cref="Depth"/> most probable ones that the user had not taken: as expected
    /// before that item was drawn, the mean of the sum of these probabilities. What was drawn scatters around it by chance, so that a share counted
    /// on it would be no bound. No ranking can be expected to hit more often; and one that has to infer tastes from what users took hits less often.
    /// </summary>
    public double BestHitRate { get; }

    /// <summary>Draws a truth, its users, its items and what happens.</summary>
    /// <exception cref="ArgumentException">An option is out of range.</exception>
    public static SequenceTruth Create(SequenceTruthOptions? options = null)
    {
        options ??= new();
        options.Validate();
        return new(options);
    }

    // What is drawn from one stream must not depend on how much was drawn from another.
    private RandomSource Stream(ulong number) => new(_options.Seed + (number << 56));

    private double[][] Vectors(int count, RandomSource random) => [.. Enumerable.Range(0, count).Select(_ => Vector(random))];

    /// <summary>Of variance 1 in each component, as all vectors are: the product of two has variance <c>Factors</c>.</summary>
    private double[] Vector(RandomSource random)
    {
        var vector = new double[_options.Factors];
        for (var f = 0; f < vector.Length; f++)
        {
            vector[f] = random.NextNormal();
        }

        return vector;
    }

    private double[] ItemVector(GroundTruthItem item, double[][] tags, RandomSource random)
    {
        var vector = Mix(new double[_options.Factors], 0, Vector(random), Math.Sqrt(1 - TagShare));
        foreach (var tag in item.Tags)
        {
            vector = Mix(vector, 1, tags[Array.IndexOf(GroundTruthWords.ItemTags, tag)], Math.Sqrt(TagShare / item.Tags.Count));
        }

        return vector;
    }

    private static double[] Mix(double[] one, double ofOne, double[] other, double ofOther) =>
        [.. one.Zip(other, (a, b) => (ofOne * a) + (ofOther * b))];

    /// <summary>Adds what a user does.</summary>
    /// <returns>The probability that the newest item is among the most probable ones.</returns>
    private double Live(int user, List<GroundTruthInteraction> events, RandomSource random)
    {
        var count = CountOfEvents(random);
        var sessions = Sessions(count, random);
        var stretch = _options.Duration / sessions.Count;
        var country = _countries[Array.IndexOf(GroundTruthWords.Countries, Users[user].Country)];
        var own = Vector(random);
        var taken = new bool[Items.Count];
        var probabilities = new double[Items.Count];
        var time = _options.Start;
        for (var session = 0; session < sessions.Count; session++)
        {
            var begin = _options.Start + (session * stretch) + (stretch * (random.NextDouble() / 2));
            time = time > begin ? time : begin;
            var device = Device(random);
            var taste = Mix(country, Math.Sqrt(CountryShare), own, Math.Sqrt(1 - CountryShare));
            var mood = new double[_options.Factors];
            for (var n = 0; n < sessions[session]; n++)
            {
                var wish = Mix(taste, _options.TasteDeviation, mood, _options.MoodDeviation);
                SetProbabilities(probabilities, Mix(wish, 1, _devices[device], _options.DeviceDeviation), taken);
                var item = DrawBy(probabilities, taken, random);
                taken[item] = true;
                events.Add(Interaction(user, item, device, TypeOf(random), time));
                mood = Mix(mood, _options.MoodKept, _items[item], 1 - _options.MoodKept);
                // Seconds to minutes, mostly short.
                time += ShortestStep + TimeSpan.FromSeconds(Math.Round(600 * Math.Pow(random.NextDouble(), 3)));
            }

            own = Mix(own, _options.TasteKept, Vector(random), Math.Sqrt(1 - (_options.TasteKept * _options.TasteKept)));
        }

        return probabilities.OrderDescending().Take(Depth).Sum();
    }

    /// <summary>Skewed, as activity is: some users do several times as much as most.</summary>
    private int CountOfEvents(RandomSource random)
    {
        const double Skew = 0.5;
        var count = _options.EventsPerUser * Math.Exp((Skew * random.NextNormal()) - (Skew * Skew / 2));
        return (int)Math.Clamp(Math.Round(count), FewestEvents, Items.Count / 2);
    }

    /// <summary>The number of events of each session; after each event, a session ends by the same chance.</summary>
    private List<int> Sessions(int count, RandomSource random)
    {
        var sessions = new List<int> { 1 };
        for (var n = 1; n < count; n++)
        {
            if (random.NextDouble() * _options.EventsPerSession < 1)
            {
                sessions.Add(0);
            }

            sessions[^1]++;
        }

        return sessions;
    }

    private void SetProbabilities(double[] probabilities, double[] wish, bool[] taken)
    {
        var scale = 1 / Math.Sqrt(_options.Factors);
        var sum = 0.0;
        for (var item = 0; item < probabilities.Length; item++)
        {
            var product = 0.0;
            for (var f = 0; f < wish.Length; f++)
            {
                product += wish[f] * _items[item][f];
            }

            probabilities[item] = taken[item] ? 0 : Math.Exp(_popularity[item] + (scale * product));
            sum += probabilities[item];
        }

        for (var item = 0; item < probabilities.Length; item++)
        {
            probabilities[item] /= sum;
        }
    }

    private static int DrawBy(double[] probabilities, bool[] taken, RandomSource random)
    {
        var left = random.NextDouble();
        var last = -1;
        for (var item = 0; item < probabilities.Length; item++)
        {
            if (taken[item])
            {
                continue;
            }

            last = item;
            left -= probabilities[item];
            if (left < 0)
            {
                break;
            }
        }

        // Rounding may leave a little after the last one.
        return last;
    }

    private static int Device(RandomSource random) =>
        random.NextDouble() switch
        {
            < 0.55 => 0,
            < 0.85 => 1,
            _ => 2,
        };

    private static string TypeOf(RandomSource random)
    {
        var left = random.NextDouble();
        foreach (var (type, share) in Types)
        {
            left -= share;
            if (left < 0)
            {
                return type;
            }
        }

        return Types[0].Type;
    }

    private GroundTruthInteraction Interaction(int user, int item, int device, string type, DateTimeOffset time) =>
        new(user, item, Users[user].Id, Items[item].Id, type, Value: null, GroundTruthWords.Devices[device], Tags: [], time);
}
