using System.CommandLine;
using System.CommandLine.Parsing;
using System.Globalization;
using System.Numerics;
using System.Text.Json;
using RecService.Cli.Files;

namespace RecService.Cli.Commands;

/// <summary>A number within a range; null when it is not given and has no default.</summary>
internal sealed class NumberOption<T> : Option<T?>
    where T : struct, INumber<T>
{
    /// <param name="name">The name.</param>
    /// <param name="description">What the number is.</param>
    /// <param name="holds">Whether a number is within the range.</param>
    /// <param name="range">The range, in words.</param>
    /// <param name="defaultValue">The default, if any.</param>
    public NumberOption(string name, string description, Func<T, bool> holds, string range, T? defaultValue = null)
        : base(name)
    {
        Description = description;
        HelpName = typeof(T) == typeof(float) || typeof(T) == typeof(double) ? "X" : "N";
        if (defaultValue is not null)
        {
            DefaultValueFactory = _ => defaultValue;
        }

        CustomParser = result =>
        {
            var text = result.Tokens[^1].Value;
            if (T.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var number) && T.IsFinite(number) && holds(number))
            {
                return number;
            }

            result.AddError($"{name} is '{text}'; it must be {range}.");
            return null;
        };
    }

    /// <summary>The number; for options with a default.</summary>
    public T In(ParseResult parsed) => parsed.GetValue(this)!.Value;
}

/// <summary>One of some words, each of which stands for a value; null when it is not given and has no default.</summary>
internal sealed class ChoiceOption<T> : Option<string?>
    where T : struct
{
    private readonly (string Word, T Value)[] _choices;

    public ChoiceOption(string name, string description, string? defaultWord, params (string Word, T Value)[] choices)
        : base(name)
    {
        _choices = choices;
        Description = description;
        HelpName = string.Join('|', choices.Select(choice => choice.Word));
        if (defaultWord is not null)
        {
            DefaultValueFactory = _ => defaultWord;
        }

        Validators.Add(result =>
        {
            if (result.Tokens is [.., var word] && !Array.Exists(choices, choice => choice.Word == word.Value))
            {
                result.AddError(
                    $"{name} is '{word.Value}'; it must be {string.Join(", ", choices[..^1].Select(choice => choice.Word))} or {choices[^1].Word}."
                );
            }
        });
    }

    /// <summary>The value that the word given stands for.</summary>
    public T? In(ParseResult parsed) => ValueOf(parsed.GetValue(this));

    /// <summary>The same, before all options are known to be right.</summary>
    public T? In(CommandResult result) => ValueOf(result.GetValue(this));

    /// <summary>The word for a value.</summary>
    public string WordFor(T value) => Array.Find(_choices, choice => EqualityComparer<T>.Default.Equals(choice.Value, value)).Word;

    private T? ValueOf(string? word) => word is null ? null : Array.Find(_choices, choice => choice.Word == word).Value;
}

/// <summary>Options that several commands have.</summary>
internal static class Options
{
    public static Option<string?> File(string name, string description) => new(name) { Description = description, HelpName = "FILE" };

    public static Option<string?> RequiredFile(string name, string description) =>
        new(name)
        {
            Description = description,
            HelpName = "FILE",
            Required = true,
        };

    /// <summary>The name of an option as a key of JSON: <c>itemFeatures</c> of <c>--item-features</c>.</summary>
    public static string KeyOf(Option option) =>
        JsonNamingPolicy.CamelCase.ConvertName(
            string.Concat(option.Name.Split('-', StringSplitOptions.RemoveEmptyEntries).Select(word => char.ToUpperInvariant(word[0]) + word[1..]))
        );

    /// <summary>Whether an option stands on the command line, rather than having its default.</summary>
    public static bool IsGiven(this CommandResult result, Option option) => result.GetResult(option) is { Implicit: false };

    public static Option<bool> Flag(string name, string description) => new(name) { Description = description };

    public static Option<bool> Json() => Flag("--json", "Print one JSON object to standard output, and all else to standard error.");

    public static ChoiceOption<DataFormat> DataFormat() =>
        new(
            "--format",
            "The format of rows to write, by default what the extension tells.",
            null,
            ("libfm", Files.DataFormat.LibFm),
            ("libffm", Files.DataFormat.LibFfm),
            ("cache", Files.DataFormat.Cache)
        );

    public static Option<string[]> UserFields() =>
        new("--user-fields")
        {
            Description =
                "For pairs (--loss bpr): the fields whose entries say who the user is, by default the first; the others say what was chosen.",
            HelpName = "FIELD,…",
            AllowMultipleArgumentsPerToken = true,
            DefaultValueFactory = _ => [],
            CustomParser = result => [.. result.Tokens.SelectMany(token => token.Value.Split(',', StringSplitOptions.RemoveEmptyEntries))],
        };

    public static NumberOption<ulong> Seed(string description) => new("--seed", description, _ => true, "a whole number from 0 to 2^64 - 1", 1);

    public static NumberOption<int> Count(string name, string description, int? defaultValue = null, int least = 1) =>
        new(name, description, number => number >= least, $"a whole number, at least {least}", defaultValue);

    public static NumberOption<int> Count(string name, string description, int? defaultValue, int least, int most) =>
        new(name, description, number => number >= least && number <= most, $"a whole number from {least} to {most}", defaultValue);

    public static NumberOption<int> Negatives(string description, int? defaultValue = null) =>
        Count("--negatives", description, defaultValue, least: 1, most: 1000);

    public static NumberOption<float> Positive(string name, string description) => new(name, description, number => number > 0, "a number above 0");

    public static NumberOption<float> NotNegative(string name, string description) =>
        new(name, description, number => number >= 0, "a number, 0 or more");
}
