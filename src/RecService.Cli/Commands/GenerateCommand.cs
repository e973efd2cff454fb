using System.CommandLine;
using System.Globalization;
using RecService.Cli.Files;
using RecService.Cli.Output;
using RecService.Engine.Data;
using RecService.Engine.Synthetic;

namespace RecService.Cli.Commands;

/// <summary><c>recservice generate</c>.</summary>
internal sealed class GenerateCommand
{
    private const int TruthFactors = 4;
    private const int MostRows = 1_000_000_000;
    private const int MostEntities = 1_000_000;

    private static readonly GroundTruthOptions Defaults = new();

    private readonly Option<int[]> _fields = new("--fields")
    {
        Description =
            "One-hot rows of fields with so many features: one feature of each field a row, with frequencies as those of real ids; "
            + "targets of a known machine plus noise.",
        HelpName = "N,N,…",
        AllowMultipleArgumentsPerToken = true,
        CustomParser = result =>
        {
            var sizes = new List<int>();
            foreach (var word in result.Tokens.SelectMany(token => token.Value.Split(',')))
            {
                if (int.TryParse(word, NumberStyles.None, CultureInfo.InvariantCulture, out var size) && size > 0)
                {
                    sizes.Add(size);
                }
                else
                {
                    result.AddError($"--fields has '{word}'; it takes whole numbers, at least 1, with commas between.");
                }
            }

            return [.. sizes];
        },
    };

    private readonly Option<bool> _ratings = Options.Flag(
        "--ratings",
        "Rows of ratings by users of items with tags and attributes, on devices, by a known machine plus noise."
    );

    private readonly Option<bool> _pairs = Options.Flag(
        "--pairs",
        "Pairs of user and item for 'recservice rank': what such users view, the more likely the more they like it."
    );

    private readonly Option<string?> _output = Options.RequiredFile("--out", "Where to write; with .gz behind the name, compressed.");
    private readonly NumberOption<int> _rows = Options.Count("--rows", "Rows to write.", 100_000, least: 1, MostRows);
    private readonly Option<string?> _testOutput = Options.File(
        "--test-out",
        "Where to write more rows of the same truth; of ratings and pairs, others than those of --out."
    );

    private readonly NumberOption<int> _testRows = Options.Count("--test-rows", "Rows to write to --test-out.", 10_000, least: 1, MostRows);
    private readonly ChoiceOption<DataFormat> _format = Options.DataFormat();
    private readonly Option<bool> _binary = Options.Flag(
        "--binary",
        "With --fields: targets 1 and 0, with probability sigmoid(y), instead of y plus noise."
    );
    private readonly NumberOption<double> _noise = new(
        "--noise",
        "Standard deviation of the noise, which is the RMSE of the truth itself; that of the truth is 1 with --fields, 0.7 with --ratings.",
        number => number is >= 0 and <= 1_000_000,
        "a number from 0 to 1000000",
        0.5
    );

    private readonly NumberOption<int> _factors = Options.Count("--k", "Length of the true latent vectors.", TruthFactors, least: 1, most: 64);
    private readonly NumberOption<int> _users = Options.Count(
        "--users",
        "With --ratings and --pairs: users.",
        Defaults.Users,
        least: 2,
        MostEntities
    );
    private readonly NumberOption<int> _items = Options.Count(
        "--items",
        "With --ratings and --pairs: items.",
        Defaults.Items,
        least: 2,
        MostEntities
    );
    private readonly NumberOption<ulong> _seed = Options.Seed("Seed of the truth and of the rows.");

    public static Command Create(StandardStreams streams)
    {
        var options = new GenerateCommand();
        var command = new CommandWithExample(
            "generate",
            "Writes data drawn from a known truth, to try things out and to measure speed.",
            "recservice generate --fields 16000,7900,100 --rows 400000 --out train.ffm --test-rows 40000 --test-out test.ffm\n"
                + "recservice generate --pairs --rows 50000 --out train.tsv --test-rows 1000 --test-out test.tsv"
        )
        {
            options._fields,
            options._ratings,
            options._pairs,
            options._rows,
            options._output,
            options._testRows,
            options._testOutput,
            options._format,
            options._binary,
            options._noise,
            options._factors,
            options._users,
            options._items,
            options._seed,
        };
        command.Validators.Add(result =>
        {
            if (new Option[] { options._fields, options._ratings, options._pairs }.Count(result.IsGiven) != 1)
            {
                result.AddError("One of --fields, --ratings and --pairs is needed, which say what to generate.");
            }
            else if (result.IsGiven(options._binary) && !result.IsGiven(options._fields))
            {
                result.AddError("--binary is for --fields only.");
            }
        });
        command.SetWork((parsed, _) => options.Run(parsed, streams));
        return command;
    }

    private void Run(ParseResult parsed, StandardStreams streams)
    {
        var log = ProgressLog.Of(streams, json: false);
        var (path, testPath) = (parsed.GetValue(_output)!, parsed.GetValue(_testOutput));
        var testRows = testPath is null ? 0 : _testRows.In(parsed);
        var pairs = parsed.GetValue(_pairs);
        var format = pairs ? default : _format.In(parsed) ?? DataFiles.FormatFor(path);
        var testFormat = pairs || testPath is null ? format : _format.In(parsed) ?? DataFiles.FormatFor(testPath);
        using var output = OutputFile.Open(path);
        using var testOutput = OutputFile.OpenIfGiven(testPath);
        OutputFile.CheckApart(output, testOutput, $"{_output.Name} and {_testOutput.Name}");
        if (pairs)
        {
            WritePairs(parsed, output, testOutput, testRows);
            return;
        }

        var (space, rows, ofTest) = parsed.GetValue(_ratings)
            ? GeneratedRatings.Of(TruthOf(parsed, _rows.In(parsed), testRows), testRows)
            : OneHot(parsed, testRows);
        Write(output, path, format, rows);
        if (testOutput is not null)
        {
            Write(testOutput, testPath!, testFormat, ofTest);
        }

        void Write(OutputFile file, string name, DataFormat fileFormat, ExampleSet examples)
        {
            DataFiles.Write(file, fileFormat, space, examples);
            log.Line(Figures.Describe(new(name, space, examples, UnknownEntries: 0)));
        }
    }

    private (FeatureSpace Space, ExampleSet Rows, ExampleSet OfTest) OneHot(ParseResult parsed, int testRows)
    {
        var (sizes, factors) = (parsed.GetValue(_fields)!, _factors.In(parsed));
        var most = Array.MaxLength / factors;
        if (sizes.Sum(size => (long)size) > most)
        {
            throw new CommandFailedException(
                $"{_fields.Name} has more than {Figures.Count(most)} features, which are the most with {_factors.Name} {factors}"
            );
        }

        var truth = new OneHotTruth(sizes, factors, _noise.In(parsed), _seed.In(parsed));
        var binary = parsed.GetValue(_binary);
        return (truth.Space, truth.Draw(_rows.In(parsed), 0, binary), truth.Draw(testRows, 1, binary));
    }

    private void WritePairs(ParseResult parsed, OutputFile output, OutputFile? testOutput, int testRows)
    {
        var rows = _rows.In(parsed);
        var views = TruthOf(parsed, rows, testRows).ImplicitEvents(rows + testRows).Where(interaction => interaction.Type == "view");
        var pairs = views.Select(view => $"{view.UserId}\t{view.ItemId}\n").ToArray();
        Write(output, pairs[..rows]);
        if (testOutput is not null)
        {
            Write(testOutput, pairs[rows..]);
        }

        static void Write(OutputFile file, string[] lines) =>
            file.Write(content =>
            {
                using var writer = new StreamWriter(content);
                foreach (var line in lines)
                {
                    writer.Write(line);
                }
            });
    }

    /// <summary>Users, items and interactions; a quarter of all pairs at most, so that enough are left to draw from.</summary>
    private GroundTruth TruthOf(ParseResult parsed, int rows, int testRows)
    {
        var (users, items) = (_users.In(parsed), _items.In(parsed));
        var most = (long)users * items / 4;
        if ((long)rows + testRows > most)
        {
            throw new CommandFailedException(
                $"{Figures.Count((long)rows + testRows)} rows are too many: {Figures.Count(users)} users and {Figures.Count(items)} items "
                    + $"allow a quarter of their pairs, {Figures.Count(most)}"
            );
        }

        return GroundTruth.Create(
            new()
            {
                Users = users,
                Items = items,
                Interactions = rows,
                Factors = _factors.In(parsed),
                NoiseDeviation = _noise.In(parsed),
                Seed = _seed.In(parsed),
            }
        );
    }
}
