using System.CommandLine;
using System.Text.Json.Nodes;
using RecService.Engine.Kernels;
using RecService.Engine.Losses;
using RecService.Engine.Model;
using RecService.Engine.Numerics;
using RecService.Engine.Training;

namespace RecService.Cli.Commands;

/// <summary>How a model is trained: the options of every command that trains.</summary>
internal sealed class TrainingOptions
{
    private const string ByLossAndSolver = "by default one that suits loss and solver";

    /// <summary>Passes over rows at most unless somebody says how many.</summary>
    private const int RowEpochs = 20;

    private static readonly TrainingSettings Defaults = new();

    private readonly ChoiceOption<Crossing> _crossing;
    private readonly ChoiceOption<Solver> _solver = new(
        "--solver",
        "How parameters step.",
        "adagrad",
        ("sgd", Solver.Sgd),
        ("adagrad", Solver.AdaGrad),
        ("adam", Solver.Adam)
    );

    private readonly NumberOption<int> _factors;
    private readonly NumberOption<int> _epochs;
    private readonly NumberOption<float> _rate = Options.Positive("--rate", $"Learning rate, {ByLossAndSolver}.");
    private readonly ChoiceOption<RateSchedule> _schedule = new(
        "--schedule",
        "How the rate changes by epoch: not; as 1/sqrt(epoch); along half a cosine to nearly 0 at the last of --epochs.",
        "constant",
        ("constant", RateSchedule.Constant),
        ("inverse-sqrt", RateSchedule.InverseSquareRoot),
        ("cosine", RateSchedule.Cosine)
    );

    private readonly NumberOption<float> _l2 = Options.NotNegative(
        "--l2",
        "L2 regularisation per occurrence of a feature, or along sequences per step, of weights and factors alike, and of what pulls the weights of pairs of fields to 1."
    );
    private readonly NumberOption<float> _l2Linear = Options.NotNegative("--l2-linear", $"L2 of weights, {ByLossAndSolver}.");
    private readonly NumberOption<float> _l2Factors = Options.NotNegative("--l2-factors", $"L2 of factors, {ByLossAndSolver}.");
    private readonly NumberOption<float> _initialDeviation = Options.Positive(
        "--init-stdev",
        "Standard deviation of the initial factors, by default one that suits the loss."
    );

    private readonly NumberOption<int> _patience;
    private readonly NumberOption<ulong> _seed = Options.Seed("Seed of initial factors, order of rows and negatives.");
    private readonly NumberOption<int> _threads = new(
        "--threads",
        "Threads to learn with.",
        number => number is >= 1 and <= 256,
        "a whole number from 1 to 256",
        1
    );
    private readonly Option<bool> _deterministic = Options.Flag(
        "--deterministic",
        "The same model with any number of threads, at the cost of speed."
    );
    private readonly Option<string?> _kernel = new("--kernel")
    {
        Description =
            $"The inner loops to compute with, by default the machine's best: {string.Join(", ", FactorizationKernel.All.Select(kernel => kernel.Name))}.",
        HelpName = "NAME",
    };

    /// <param name="factors">k unless it is given.</param>
    /// <param name="crossing">What crosses unless it is given; null when the data decide.</param>
    /// <param name="loss">The loss unless it is given.</param>
    /// <param name="losses">The losses to choose from.</param>
    public TrainingOptions(int factors, string? crossing, Loss loss, IEnumerable<Loss> losses)
    {
        _factors = new(
            "--k",
            "Length of the latent vectors; 0 trains a linear model.",
            number => number is >= 0 and <= 4096,
            "a whole number from 0 to 4096",
            factors
        );
        _epochs = Options.Count("--epochs", $"Passes over the rows at most, by default {Default(RowEpochs, losses, of => of.Epochs)}.");
        _patience = Options.Count(
            "--patience",
            $"Epochs without a better metric of what is held out before training stops, by default {Default(Defaults.Patience, losses, of => of.Patience)}."
        );
        Loss = new(
            "--loss",
            "What is minimised.",
            loss.Function().Word,
            [.. losses.OrderBy(other => other != loss).Select(other => (other.Function().Word, other))]
        );
        _crossing = new(
            "--interaction",
            "Which features cross: those of different fields, pooled by field; all with all; as the first, with a learned weight for each two fields; or all with all by a vector for each other's field (FFM), which takes as many numbers more as there are fields."
                + (crossing is null ? " By default pooled where rows have several fields, else plain." : ""),
            crossing,
            ("pooled", Crossing.FieldPooled),
            ("plain", Crossing.Plain),
            ("weighted", Crossing.FieldWeighted),
            ("aware", Crossing.FieldAware)
        );
    }

    /// <summary>What is minimised.</summary>
    public ChoiceOption<Loss> Loss { get; }

    /// <summary>A default of losses of rows and, where they are to choose from, that of losses of blocks.</summary>
    private static string Default(int ofRows, IEnumerable<Loss> losses, Func<LossDefaults, int> ofBlocks) =>
        string.Join(
            ", ",
            losses
                .Where(loss => loss.Function().Rows == LossRows.Blocks)
                .Select(loss => FormattableString.Invariant($"{ofBlocks(loss.Function().Defaults)} with {loss.Function().Word}"))
                .Prepend(FormattableString.Invariant($"{ofRows}"))
        );

    /// <summary>All options but the threads, which are there for measuring, too.</summary>
    public IEnumerable<Option> OfModels =>
        [
            Loss,
            _crossing,
            _solver,
            _factors,
            _epochs,
            _rate,
            _schedule,
            _l2,
            _l2Linear,
            _l2Factors,
            _initialDeviation,
            _patience,
            _seed,
            _deterministic,
            _kernel,
        ];

    public void AddTo(Command command)
    {
        foreach (var option in OfModels)
        {
            command.Options.Add(option);
        }

        command.Options.Add(_threads);
        command.Validators.Add(result =>
        {
            if (result.IsGiven(_l2) && (result.IsGiven(_l2Linear) || result.IsGiven(_l2Factors)))
            {
                result.AddError("--l2 is for weights and factors alike; --l2-linear and --l2-factors cannot stand beside it.");
            }
        });
    }

    public Crossing? CrossingIn(ParseResult parsed) => _crossing.In(parsed);

    public int ThreadsIn(ParseResult parsed) => _threads.In(parsed);

    /// <summary>The settings; those that are not given are the ones to start from for the loss and the solver.</summary>
    public TrainingSettings SettingsIn(ParseResult parsed)
    {
        var defaults = TrainingSettings.For(Loss.In(parsed)!.Value, _solver.In(parsed)!.Value);
        var isOfBlocks = defaults.Loss.Function().Rows == LossRows.Blocks;
        var l2 = parsed.GetValue(_l2);
        return defaults with
        {
            Crossing = CrossingIn(parsed) ?? defaults.Crossing,
            Factors = _factors.In(parsed),
            Epochs = parsed.GetValue(_epochs) ?? (isOfBlocks ? defaults.Epochs : RowEpochs),
            LearningRate = parsed.GetValue(_rate) ?? defaults.LearningRate,
            Schedule = _schedule.In(parsed)!.Value,
            L2Linear = parsed.GetValue(_l2Linear) ?? l2 ?? defaults.L2Linear,
            L2Factors = parsed.GetValue(_l2Factors) ?? l2 ?? defaults.L2Factors,
            L2FieldWeights = l2 ?? defaults.L2FieldWeights,
            LearnsL2 = new Option[] { _l2, _l2Linear, _l2Factors }.Any(parsed.CommandResult.IsGiven) ? false : null,
            InitialDeviation = parsed.GetValue(_initialDeviation) ?? defaults.InitialDeviation,
            Patience = parsed.GetValue(_patience) ?? defaults.Patience,
            Seed = _seed.In(parsed),
            Threads = _threads.In(parsed),
            Deterministic = parsed.GetValue(_deterministic),
            KernelName = KernelIn(parsed).Name,
        };
    }

    /// <summary>Trains, and says of which option the engine refuses what it has.</summary>
    public static TrainingResult Train(Func<TrainingResult> train)
    {
        try
        {
            return train();
        }
        catch (ArgumentException refusal) when (refusal.ParamName is "start" or "former")
        {
            throw CommandFailedException.For(refusal, "--warm-start does not fit: ");
        }
        catch (ArgumentException refusal) when (refusal.ParamName is "holdout")
        {
            throw CommandFailedException.For(refusal, "--valid: ");
        }
        catch (ArgumentException refusal) when (refusal.ParamName is "train" or "rows" or "space" or "negatives")
        {
            throw CommandFailedException.For(refusal, "--train: ");
        }
    }

    /// <summary>Fails where the rows that held-out positives and their negatives make are more than an array can hold.</summary>
    public static void CheckNegatives(int positives, int negatives)
    {
        if ((long)positives * (1 + negatives) > Array.MaxLength)
        {
            throw new CommandFailedException(
                FormattableString.Invariant($"--negatives {negatives} makes more than {Array.MaxLength} rows of {positives} choices")
            );
        }
    }

    /// <summary>Settings by the names of their options.</summary>
    public JsonObject Describe(TrainingSettings settings) =>
        new()
        {
            ["loss"] = Loss.WordFor(settings.Loss),
            ["interaction"] = _crossing.WordFor(settings.Crossing),
            ["solver"] = _solver.WordFor(settings.Solver),
            ["k"] = settings.Factors,
            ["epochs"] = settings.Epochs,
            ["rate"] = settings.LearningRate,
            ["schedule"] = _schedule.WordFor(settings.Schedule),
            ["l2Linear"] = settings.L2Linear,
            ["l2Factors"] = settings.L2Factors,
            ["l2FieldWeights"] = settings.L2FieldWeights,
            ["initStdev"] = settings.InitialDeviation,
            ["patience"] = settings.Patience,
            ["seed"] = settings.Seed,
            ["threads"] = settings.Threads,
            ["deterministic"] = settings.Deterministic,
            ["kernel"] = settings.KernelName,
        };

    private FactorizationKernel KernelIn(ParseResult parsed)
    {
        try
        {
            return parsed.GetValue(_kernel) is { } name ? FactorizationKernel.ByName(name) : FactorizationKernel.Default;
        }
        catch (ArgumentException refusal)
        {
            throw CommandFailedException.For(refusal, "--kernel: ");
        }
    }
}
