using System.Globalization;
using RecService.Cli.Commands;

namespace RecService.Cli.Ranking;

/// <summary>Who chose what in which context, by numbers, in the order of the file.</summary>
internal sealed record Choices(int[] Users, int[] Items, int[] Contexts)
{
    /// <summary>When, in seconds; null where the file does not say.</summary>
    public double[]? Times { get; init; }

    public int Count => Users.Length;

    /// <summary>Some of them.</summary>
    public Choices Where(Func<int, bool> isKept)
    {
        int[] kept = [.. Enumerable.Range(0, Count).Where(isKept)];
        return new(
            [.. kept.Select(choice => Users[choice])],
            [.. kept.Select(choice => Items[choice])],
            [.. kept.Select(choice => Contexts[choice])]
        )
        {
            Times = Times is null ? null : [.. kept.Select(choice => Times[choice])],
        };
    }
}

/// <summary>What is known of users or of items.</summary>
internal sealed class KnownFeatures
{
    private readonly List<List<(int Feature, float? Value)>> _lists = [];

    public Ids Names { get; } = new();

    /// <summary>Number of entities, those without features included.</summary>
    public int Count => _lists.Count;

    /// <summary>The features of an entity: values as given, else 1/√n of n features.</summary>
    public IEnumerable<(int Feature, float Value)> this[int entity]
    {
        get
        {
            var list = entity < _lists.Count ? _lists[entity] : [];
            return list.Select(known => (known.Feature, known.Value ?? (1 / MathF.Sqrt(list.Count))));
        }
    }

    /// <returns>Whether the entity had not the feature before.</returns>
    public bool Add(int entity, ReadOnlySpan<char> name, float? value)
    {
        while (_lists.Count <= entity)
        {
            _lists.Add([]);
        }

        var feature = Names.Add(name);
        if (_lists[entity].Exists(known => known.Feature == feature))
        {
            return false;
        }

        _lists[entity].Add((feature, value));
        return true;
    }
}

/// <summary>What the files of a ranking say, with numbers for ids: those of the training pairs come first.</summary>
/// <param name="standardInput">What <c>-</c> stands for.</param>
/// <param name="hasTimes">Whether the third cell of pairs is a time.</param>
internal sealed class RankingFiles(Stream standardInput, bool hasTimes)
{
    private int? _contextFields;

    public Ids Users { get; } = new();

    public Ids Items { get; } = new();

    /// <summary>The contexts: their parts with tabs between.</summary>
    public Ids Contexts { get; } = new();

    /// <summary>Number of parts that every context has.</summary>
    public int ContextFields => _contextFields ?? 0;

    public KnownFeatures UserFeatures { get; } = new();

    public KnownFeatures ItemFeatures { get; } = new();

    /// <summary>Reads pairs of user and item, with their time, if any, and the parts of a context behind them; as many in every file and line.</summary>
    public Choices ReadPairs(string path)
    {
        var (users, items, contexts, times) = (new List<int>(), new List<int>(), new List<int>(), new List<double>());
        var before = hasTimes ? 3 : 2;
        using var reader = hasTimes
            ? new TabReader(path, standardInput, before, "user", "item", "time", "context", "…")
            : new TabReader(path, standardInput, before, "user", "item", "context", "…");
        while (reader.Read())
        {
            _contextFields ??= reader.Count - before;
            if (reader.Count - before != _contextFields)
            {
                throw reader.Refusal(
                    0,
                    FormattableString.Invariant(
                        $"the line has {reader.Count} cells; the first line of the training pairs has {_contextFields + before}."
                    )
                );
            }

            users.Add(Users.Add(reader[0]));
            items.Add(Items.Add(reader[1]));
            contexts.Add(Contexts.Add(reader.From(before)));
            if (hasTimes)
            {
                times.Add(Number(reader, 2, "time"));
            }
        }

        if (users.Count == 0)
        {
            throw new CommandFailedException($"{path}: there are no pairs");
        }

        return new([.. users], [.. items], [.. contexts]) { Times = hasTimes ? [.. times] : null };
    }

    /// <summary>Reads pairs of user and item, whatever follows them, and leaves out those that are not known.</summary>
    public Choices ReadKnownPairs(string path)
    {
        var (users, items) = (new List<int>(), new List<int>());
        using var reader = new TabReader(path, standardInput, 2, "user", "item", "…");
        while (reader.Read())
        {
            var (user, item) = (Users.Find(reader[0]), Items.Find(reader[1]));
            if (user >= 0 && item >= 0)
            {
                users.Add(user);
                items.Add(item);
            }
        }

        return new([.. users], [.. items], []);
    }

    /// <summary>Reads items, one a line; at least one.</summary>
    public int[] ReadItems(string path)
    {
        var items = new List<int>();
        using var reader = new TabReader(path, standardInput, 1, "item");
        while (reader.Read())
        {
            items.Add(Items.Add(reader[0]));
        }

        return items.Count > 0 ? [.. items] : throw new CommandFailedException($"{path}: there are no items");
    }

    public void ReadUserFeatures(string path) => ReadFeatures(path, "user", Users, UserFeatures);

    public void ReadItemFeatures(string path) => ReadFeatures(path, "item", Items, ItemFeatures);

    private void ReadFeatures(string path, string noun, Ids entities, KnownFeatures features)
    {
        using var reader = new TabReader(path, standardInput, 2, noun, "feature", "value");
        while (reader.Read())
        {
            float? value = null;
            if (reader.Count > 2)
            {
                value = (float)Number(reader, 2, "value");
                if (!float.IsFinite(value.Value))
                {
                    throw reader.Refusal(2, $"the value '{reader[2]}' is not a finite number.");
                }
            }

            if (!features.Add(entities.Add(reader[0]), reader[1], value))
            {
                throw reader.Refusal(1, $"the {noun} '{reader[0]}' has the feature '{reader[1]}' already.");
            }
        }
    }

    private static double Number(TabReader reader, int cell, string noun) =>
        double.TryParse(reader[cell], NumberStyles.Float, CultureInfo.InvariantCulture, out var number) && double.IsFinite(number)
            ? number
            : throw reader.Refusal(cell, $"the {noun} '{reader[cell]}' is not a finite number.");
}
