using System.CommandLine;
using System.Globalization;
using System.Text.Json.Nodes;
using RecService.Engine.Data.Histories;
using RecService.Engine.Losses;
using RecService.Engine.Training;

namespace RecService.Cli.Commands;

/// <summary>Which items a ranking leaves out, as the user has them already.</summary>
internal enum SeenItems
{
    /// <summary>Those that the user chose, in whatever context.</summary>
    OfUser,

    /// <summary>Those that the user chose in the same context.</summary>
    OfUserAndContext,

    /// <summary>None.</summary>
    None,
}

/// <summary>How users' histories enter a model that is learned along what they chose, one after the other.</summary>
internal sealed class HistoryOptions
{
    private const string Off = "off";

    private static readonly HistorySettings Defaults = new();
    private static readonly TrainingSettings TrainingDefaults = TrainingSettings.For(Loss.Softmax);

    private readonly Option<string?> _history = new("--history")
    {
        Description =
            $"What users chose before, as fields of the model: their newest N choices, or off. By default {Defaults.Length} with --loss softmax, else off. "
            + "The lines of a user are in order of time, unless --times has the times.",
        HelpName = "N|off",
    };

    private readonly NumberOption<float> _alpha = new(
        "--history-alpha",
        "The sum over a history of n choices is multiplied by n^-X.",
        number => number is >= 0 and <= 1,
        "a number from 0 to 1",
        Defaults.Alpha
    );

    private readonly NumberOption<float> _gamma = new(
        "--history-gamma",
        "What each later choice leaves of an earlier one in the sum over what was chosen just now.",
        number => number is >= 0 and <= 1,
        "a number from 0 to 1",
        Defaults.Gamma
    );

    private readonly NumberOption<double> _halfLife = new(
        "--history-half-life",
        "With --times: seconds after which half of a choice is left in that sum, whatever came after it; by default time does not count.",
        number => number > 0,
        "a number above 0"
    );

    private readonly ChoiceOption<bool> _userIds = new(
        "--user-ids",
        "Whether ids of users are features: by default where there is no history.",
        null,
        ("on", true),
        ("off", false)
    );

    private readonly NumberOption<float> _dropout = new(
        "--dropout",
        "Share of the coordinates of a user's pooled vector that each row leaves out in learning.",
        number => number is >= 0 and < 1,
        "a number from 0 to below 1",
        TrainingDefaults.Dropout
    );

    private readonly NumberOption<float> _idDropout = new(
        "--id-dropout",
        "How often an item is learned from without its id, by the features that it shares with others, which so learn to speak for new items.",
        number => number is >= 0 and < 1,
        "a number from 0 to below 1",
        TrainingDefaults.IdDropout
    );

    private readonly NumberOption<float> _exponent = new(
        "--negative-exponent",
        "Negatives are drawn in proportion to how often an item was chosen, to the power of X.",
        number => number is >= 0 and <= 1,
        "a number from 0 to 1",
        TrainingDefaults.NegativeExponent
    );

    public HistoryOptions()
    {
        _history.Validators.Add(result =>
        {
            if (result.Tokens is [.., var token] && token.Value != Off && LengthOf(token.Value) is null)
            {
                result.AddError($"--history is '{token.Value}'; it must be a whole number from 1 to 10000, or {Off}.");
            }
        });
    }

    /// <summary>The times of choices.</summary>
    public Option<bool> Times { get; } =
        Options.Flag(
            "--times",
            "The third cell of pairs is the time in seconds from any origin: histories are in its order, and results also come by the gap since the user's last choice."
        );

    /// <summary>Which items are left out.</summary>
    public ChoiceOption<SeenItems> ExcludeSeen { get; } =
        new(
            "--exclude-seen",
            "Items left out of a ranking: those that the user chose in training, those in the same context, or none.",
            "user",
            ("user", SeenItems.OfUser),
            ("user+context", SeenItems.OfUserAndContext),
            ("none", SeenItems.None)
        );

    /// <summary>What is for models only.</summary>
    public IEnumerable<Option> OfModels => [_history, _alpha, _gamma, _halfLife, _userIds, _dropout, _idDropout, _exponent];

    public void AddTo(Command command)
    {
        command.Options.Add(Times);
        command.Options.Add(ExcludeSeen);
        foreach (var option in OfModels)
        {
            command.Options.Add(option);
        }

        command.Validators.Add(result =>
        {
            if (result.IsGiven(_halfLife) && !result.GetValue(Times))
            {
                result.AddError($"{_halfLife.Name} is for {Times.Name} only.");
            }
        });
    }

    /// <summary>How histories are pooled; null when there are none.</summary>
    public HistorySettings? SettingsIn(ParseResult parsed, Loss loss)
    {
        var text = parsed.GetValue(_history)
            ?? (loss.Function().Rows == LossRows.Blocks ? Defaults.Length.ToString(CultureInfo.InvariantCulture) : Off);
        return LengthOf(text) is not { } length
            ? null
            : Defaults with
            {
                Length = length,
                Alpha = _alpha.In(parsed),
                Gamma = _gamma.In(parsed),
                RecentHalfLife = parsed.GetValue(_halfLife) is { } seconds ? TimeSpan.FromSeconds(seconds) : null,
            };
    }

    /// <summary>Whether ids of users are features.</summary>
    public bool UserIdsIn(ParseResult parsed, HistorySettings? history) => _userIds.In(parsed) ?? history is null;

    /// <summary>Settings of training along sequences.</summary>
    public TrainingSettings Complete(TrainingSettings settings, ParseResult parsed) =>
        settings with
        {
            Dropout = _dropout.In(parsed),
            IdDropout = _idDropout.In(parsed),
            NegativeExponent = _exponent.In(parsed),
        };

    /// <summary>Settings by the names of their options.</summary>
    public void Describe(ParseResult parsed, HistorySettings? history, JsonObject settings)
    {
        settings["history"] = history?.Length;
        settings["historyAlpha"] = history?.Alpha;
        settings["historyGamma"] = history?.Gamma;
        settings["historyHalfLife"] = history?.RecentHalfLife?.TotalSeconds;
        settings["userIds"] = UserIdsIn(parsed, history);
        settings["dropout"] = _dropout.In(parsed);
        settings["idDropout"] = _idDropout.In(parsed);
        settings["negativeExponent"] = _exponent.In(parsed);
    }

    private static int? LengthOf(string text) =>
        int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var length) && length is >= 1 and <= 10_000 ? length : null;
}
