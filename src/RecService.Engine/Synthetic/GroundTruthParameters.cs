using RecService.Engine.Numerics;

namespace RecService.Engine.Synthetic;

/// <summary>The weights and latent vectors of a <see cref="GroundTruth"/>, pooled by field.</summary>
/// <remarks>
/// Most of a vector comes from tags and attributes and little from the id. That keeps the noise floor within reach: an id is known by its own few
/// dozen ratings
/// only, and what estimating p free numbers from n ratings costs any model is σ²·p/n. The mean of the users' vectors is 0, and
/// so is the mean of the items' tags: else part of the crossing would be a linear effect of the item or of the user.
/// </remarks>
internal sealed class GroundTruthParameters
{
    private const double OfIds = 0.15;
    private const double OfNumbers = 0.4;
    private const double OfDevices = 0.3;

    private readonly int _factors;
    private readonly double _mean;
    private readonly Part[] _users;
    private readonly Part[] _items;
    private readonly Part[] _itemTags;
    private readonly Part[] _tags;
    private readonly double[] _contextTagWeights;
    private readonly Part[] _devices;
    private double _bias;

    public GroundTruthParameters(
        GroundTruthOptions options,
        IReadOnlyList<GroundTruthUser> users,
        IReadOnlyList<GroundTruthItem> items,
        IEnumerable<(int User, int Item)> pairs,
        RandomSource random
    )
    {
        _factors = options.Factors;
        _mean = options.Mean;
        _tags = Draw(GroundTruthWords.ItemTags.Length, 1, random);
        CentreTags(items);
        _itemTags = [.. items.Select(item => Pool(_tags, GroundTruthWords.ItemTags, item.Tags))];
        _contextTagWeights = [.. _tags.Select(_ => 0.3 * random.NextNormal())];
        _devices = Draw(GroundTruthWords.Devices.Length, OfDevices, random);
        _users = DrawUsers(users, random);
        _items = DrawItems(items, random);
        Scale(options, [.. pairs]);
    }

    /// <summary>Standard deviation of the true scores, devices and tags of interactions left out.</summary>
    public double Deviation { get; private set; }

    public void Centre(double mean) => _bias += _mean - mean;

    public double Score(int user, int item, int device, ReadOnlySpan<int> tags)
    {
        // S ⊙ S − Σ p ⊙ p over the fields, accumulated field by field.
        var score = _bias;
        Span<double> sum = stackalloc double[_factors];
        sum.Clear();
        score += Join(sum, _users[user]);
        score += Join(sum, _items[item]);
        score += Join(sum, _itemTags[item]);
        if (device >= 0)
        {
            score += Join(sum, _devices[device]);
        }

        if (tags.IsEmpty)
        {
            return score;
        }

        var named = new Part(0, new double[_factors]);
        foreach (var tag in tags)
        {
            named.Vector.AsSpan().AddScaled(_tags[tag].Vector, 1 / Math.Sqrt(tags.Length));
            score += _contextTagWeights[tag] / Math.Sqrt(tags.Length);
        }

        return score + Join(sum, named);
    }

    /// <summary>Adds a field to those joined before; returns what it adds to the score, on its own and with them.</summary>
    private static double Join(Span<double> sum, Part field)
    {
        var added = field.Weight + field.Vector.AsSpan().Dot(sum);
        sum.AddScaled(field.Vector, 1);
        return added;
    }

    private Part[] DrawUsers(IReadOnlyList<GroundTruthUser> users, RandomSource random)
    {
        var countries = Draw(GroundTruthWords.Countries.Length, 0.7, random);
        var tags = Draw(GroundTruthWords.UserTags.Length, 1, random);
        var age = Draw(1, OfNumbers, random)[0];
        var ids = Draw(users.Count, OfIds, random);
        var parts = new Part[users.Count];
        for (var u = 0; u < parts.Length; u++)
        {
            var user = users[u];
            parts[u] = ids[u]
                .Plus(countries[Array.IndexOf(GroundTruthWords.Countries, user.Country)], 1)
                .Plus(age, (user.Age - 38) / 13.0)
                .Plus(Pool(tags, GroundTruthWords.UserTags, user.Tags), 1);
        }

        // Every user has one country, which can carry a constant.
        var mean = Mean(parts);
        return [.. parts.Select(p => p.Plus(mean, -1))];
    }

    private Part[] DrawItems(IReadOnlyList<GroundTruthItem> items, RandomSource random)
    {
        var year = Draw(1, OfNumbers, random)[0];
        var ids = Draw(items.Count, OfIds, random);
        return [.. items.Select((item, i) => ids[i].Plus(year, (item.Year - 2007) / 15.0))];
    }

    private void CentreTags(IReadOnlyList<GroundTruthItem> items)
    {
        var mean = Mean([.. items.Select(item => Pool(_tags, GroundTruthWords.ItemTags, item.Tags))]);
        var values = items.Average(item => Math.Sqrt(item.Tags.Count));
        for (var t = 0; t < _tags.Length; t++)
        {
            _tags[t] = _tags[t].Plus(mean, -1 / values);
        }
    }

    private void Scale(GroundTruthOptions options, (int User, int Item)[] pairs)
    {
        var linear = Deviations(pairs.Select(p => _users[p.User].Weight + _items[p.Item].Weight + _itemTags[p.Item].Weight));
        var cross = Deviations(
            pairs.Select(p =>
                _users[p.User].Vector.AsSpan().Dot(_items[p.Item].Vector) + _users[p.User].Vector.AsSpan().Dot(_itemTags[p.Item].Vector)
            )
        );
        var ofWeights = linear > 0 ? options.LinearDeviation / linear : 0;
        var ofVectors = cross > 0 ? Math.Sqrt(options.CrossDeviation / cross) : 0;
        foreach (var parts in (Part[][])[_users, _items, _itemTags, _tags, _devices])
        {
            for (var p = 0; p < parts.Length; p++)
            {
                parts[p] = parts[p].Scaled(ofWeights, ofVectors);
            }
        }

        for (var t = 0; t < _contextTagWeights.Length; t++)
        {
            _contextTagWeights[t] *= ofWeights;
        }

        Deviation = Deviations(pairs.Select(p => Score(p.User, p.Item, -1, []))) is > 0 and var deviation ? deviation : 1;
    }

    private Part[] Draw(int count, double deviation, RandomSource random)
    {
        var parts = new Part[count];
        for (var p = 0; p < count; p++)
        {
            var vector = new double[_factors];
            for (var d = 0; d < vector.Length; d++)
            {
                vector[d] = deviation * random.NextNormal();
            }

            parts[p] = new(deviation * random.NextNormal(), vector);
        }

        return parts;
    }

    private Part Pool(Part[] parts, string[] words, IReadOnlyList<string> chosen)
    {
        var pooled = new Part(0, new double[_factors]);
        foreach (var word in chosen)
        {
            pooled = pooled.Plus(parts[Array.IndexOf(words, word)], 1 / Math.Sqrt(chosen.Count));
        }

        return pooled;
    }

    private Part Mean(IReadOnlyList<Part> parts)
    {
        var mean = new Part(0, new double[_factors]);
        foreach (var part in parts)
        {
            mean = mean.Plus(part, 1.0 / parts.Count);
        }

        return mean;
    }

    private static double Deviations(IEnumerable<double> values)
    {
        double[] all = [.. values];
        var mean = all.Average();
        return Math.Sqrt(all.Average(v => (v - mean) * (v - mean)));
    }

    /// <summary>A linear weight and a latent vector, of a feature or of a pooled field.</summary>
    private readonly record struct Part(double Weight, double[] Vector)
    {
        public Part Plus(Part other, double times)
        {
            var vector = Vector.AsSpan().ToArray();
            vector.AsSpan().AddScaled(other.Vector, times);
            return new(Weight + (times * other.Weight), vector);
        }

        public Part Scaled(double ofWeight, double ofVector)
        {
            var vector = new double[Vector.Length];
            vector.AsSpan().AddScaled(Vector, ofVector);
            return new(Weight * ofWeight, vector);
        }
    }
}

file static class VectorExtensions
{
    public static double Dot(this Span<double> a, ReadOnlySpan<double> b)
    {
        var sum = 0.0;
        for (var d = 0; d < a.Length; d++)
        {
            sum += a[d] * b[d];
        }

        return sum;
    }

    public static void AddScaled(this Span<double> sum, ReadOnlySpan<double> vector, double times)
    {
        for (var d = 0; d < sum.Length; d++)
        {
            sum[d] += times * vector[d];
        }
    }
}
