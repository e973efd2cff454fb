using RecService.Engine.Numerics;

namespace RecService.Engine.Synthetic;

/// <summary>
/// Users, items and interactions drawn from a known field-pooled factorization machine, so that one can tell how close a trained model comes to the
/// best attainable error. Immutable and safe for concurrent use.
/// </summary>
/// <remarks>
/// The truth is bias + Σ w_i x_i + Σ_{f&lt;g} ⟨p_f, p_g⟩ over the fields <c>user</c> (id, tags, age, country), <c>item</c> (id, year), <c>tag</c>
/// (the item's tags,
/// 1/√n each), <c>context.tags</c> (those of the interaction, with the factors of <c>tag</c>) and <c>context.device</c>: the family that the service
/// trains.
/// Ratings are the truth plus normal noise, neither rounded nor clipped, so that the noise floor is exact. Popularity of items and activity of users
/// follow the law of Zipf and Mandelbrot, 1/(rank + q).
/// </remarks>
public sealed class GroundTruth
{
    private readonly GroundTruthOptions _options;
    private readonly GroundTruthParameters _parameters;
    private readonly WeightedDraw _userDraw;
    private readonly WeightedDraw _itemDraw;
    private readonly Event[] _rated;
    private readonly HashSet<long> _ratedPairs;

    private GroundTruth(GroundTruthOptions options)
    {
        _options = options;
        _userDraw = WeightedDraw.Zipf(options.Users, 0.1 * options.Users, Stream(1));
        _itemDraw = WeightedDraw.Zipf(options.Items, 0.03 * options.Items, Stream(2));
        Users = GroundTruthDraw.Users(options.Users, Stream(3));
        Items = GroundTruthDraw.Items(options.Items, Stream(4));
        _ratedPairs = [];
        _rated = [.. Draw(options.Interactions, _ratedPairs, Stream(5))];
        _parameters = new(options, Users, Items, _rated.Select(e => (e.User, e.Item)), Stream(6));
        _parameters.Centre(_rated.Average(e => _parameters.Score(e.User, e.Item, e.Device, e.Tags)));
    }

    /// <summary>The users, in the order of their ids.</summary>
    public IReadOnlyList<GroundTruthUser> Users { get; }

    /// <summary>The items, in the order of their ids.</summary>
    public IReadOnlyList<GroundTruthItem> Items { get; }

    /// <summary>σ of the noise on ratings, which is the RMSE of the truth itself.</summary>
    public double NoiseDeviation => _options.NoiseDeviation;

    /// <summary>Draws a truth, its users and its items.</summary>
    /// <exception cref="ArgumentException">An option is out of range.</exception>
    public static GroundTruth Create(GroundTruthOptions? options = null)
    {
        options ??= new();
        options.Validate();
        return new(options);
    }

    /// <summary>The ratings, in the order of time, no pair of user and item twice; the same ones on every call.</summary>
    public IEnumerable<GroundTruthInteraction> Interactions() => Rate(_rated, Stream(7), _options.Start);

    /// <summary>
    /// Ratings of pairs that are not among <see cref="Interactions"/>, drawn in the same way: what a trained model can be measured by.
    /// </summary>
    /// <param name="count">How many, at most half of the pairs that are left.</param>
    public IEnumerable<GroundTruthInteraction> UnseenPairs(int count)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(count);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(count, (((long)Users.Count * Items.Count) - _rated.Length) / 2);
        return Rate(Draw(count, [.. _ratedPairs], Stream(8)), Stream(9), _options.Start + _options.Duration);
    }

    /// <summary>
    /// Views, some of them followed by a click, some of these by a purchase, each the more likely the higher the true score; no pair is viewed twice.
    /// </summary>
    /// <param name="views">How many pairs are viewed, at most a quarter of all pairs; null takes
    /// <see cref="GroundTruthOptions.Interactions"/>.</param>
    public IEnumerable<GroundTruthInteraction> ImplicitEvents(int? views = null)
    {
        var count = views ?? (int)Math.Min(_options.Interactions, (long)Users.Count * Items.Count / 4);
        ArgumentOutOfRangeException.ThrowIfNegative(count, nameof(views));
        ArgumentOutOfRangeException.ThrowIfGreaterThan(count, (long)Users.Count * Items.Count / 4, nameof(views));
        return Browse(count);
    }

    /// <summary>The true score of an item for a user, before noise.</summary>
    /// <param name="user">Index of the user.</param>
    /// <param name="item">Index of the item.</param>
    /// <param name="device">The device, or null when it is not known.</param>
    /// <param name="tags">Tags of the interaction.</param>
    /// <exception cref="ArgumentException">There is no such device or tag.</exception>
    public double TrueScore(int user, int item, string? device = null, IReadOnlyList<string>? tags = null)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)user, (uint)Users.Count, nameof(user));
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)item, (uint)Items.Count, nameof(item));
        return _parameters.Score(
            user,
            item,
            device is null ? -1 : IndexOf(GroundTruthWords.Devices, device, nameof(device)),
            [.. (tags ?? []).Distinct(StringComparer.Ordinal).Select(tag => IndexOf(GroundTruthWords.ItemTags, tag, nameof(tags)))]
        );
    }

    /// <summary>The true score of an interaction, before noise.</summary>
    public double TrueScore(GroundTruthInteraction interaction)
    {
        ArgumentNullException.ThrowIfNull(interaction);
        return TrueScore(interaction.User, interaction.Item, interaction.Device, interaction.Tags);
    }

    private static int IndexOf(string[] words, string word, string name) =>
        Array.IndexOf(words, word) is >= 0 and var index
            ? index
            : throw new ArgumentException($"'{word}' is none of {string.Join(", ", words)}.", name);

    // What is drawn from one stream must not depend on how much was drawn from another.
    private RandomSource Stream(ulong number) => new(_options.Seed + (number << 56));

    private IEnumerable<Event> Draw(int count, HashSet<long> taken, RandomSource random)
    {
        for (var n = 0; n < count; n++)
        {
            yield return DrawEvent(taken, random);
        }
    }

    private Event DrawEvent(HashSet<long> taken, RandomSource random)
    {
        int user,
            item;
        do
        {
            user = _userDraw.Next(random);
            item = _itemDraw.Next(random);
        } while (!taken.Add(((long)user * Items.Count) + item));

        var device =
            random.NextDouble() is var d && d < 0.55 ? 0
            : d < 0.85 ? 1
            : 2;
        if (random.NextDouble() >= _options.TaggedShare)
        {
            return new(user, item, device, []);
        }
        // Most who come by a tag find what they looked for.
        var tags = Items[item].Tags;
        var tag =
            random.NextDouble() < 0.7
                ? Array.IndexOf(GroundTruthWords.ItemTags, tags[random.Below(tags.Count)])
                : random.Below(GroundTruthWords.ItemTags.Length);
        return new(user, item, device, [tag]);
    }

    private IEnumerable<GroundTruthInteraction> Rate(IEnumerable<Event> events, RandomSource random, DateTimeOffset start)
    {
        var step = _options.Duration / _options.Interactions;
        var time = start;
        foreach (var e in events)
        {
            var rating = _parameters.Score(e.User, e.Item, e.Device, e.Tags) + (_options.NoiseDeviation * random.NextNormal());
            yield return Interaction(e, "rating", rating, time);
            time += step;
        }
    }

    private IEnumerable<GroundTruthInteraction> Browse(int count)
    {
        var random = Stream(10);
        var taken = new HashSet<long>();
        var step = _options.Duration / Math.Max(count, 1);
        for (var n = 0; n < count; n++)
        {
            Event e;
            double appeal;
            do
            {
                e = DrawEvent(taken, random);
                appeal = 2.5 * (_parameters.Score(e.User, e.Item, e.Device, e.Tags) - _options.Mean) / _parameters.Deviation;
                // A pair that was passed over may be met again; in small catalogues every pair is viewed at last.
                if (random.NextDouble() < Sigmoid(appeal - 0.5))
                {
                    break;
                }

                taken.Remove(((long)e.User * Items.Count) + e.Item);
            } while (true);

            var time = _options.Start + (n * step);
            yield return Interaction(e, "view", null, time);
            if (random.NextDouble() >= Sigmoid(appeal - 1))
            {
                continue;
            }

            yield return Interaction(e, "click", null, time + (step / 4));
            if (random.NextDouble() < Sigmoid(appeal - 3))
            {
                yield return Interaction(e, "purchase", null, time + (step / 2));
            }
        }
    }

    private GroundTruthInteraction Interaction(Event e, string type, double? value, DateTimeOffset time) =>
        new(
            e.User,
            e.Item,
            Users[e.User].Id,
            Items[e.Item].Id,
            type,
            value,
            GroundTruthWords.Devices[e.Device],
            [.. e.Tags.Select(t => GroundTruthWords.ItemTags[t])],
            time
        );

    private static double Sigmoid(double x) => 1 / (1 + Math.Exp(-x));

    private readonly record struct Event(int User, int Item, int Device, int[] Tags);
}
