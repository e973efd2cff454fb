namespace RecService.Api.Storage.Configurations;

/// <summary>Enums are stored as lower-case words, so that SQL by hand stays readable.</summary>
internal static class EnumText<TEnum>
    where TEnum : struct, Enum
{
    private static readonly Dictionary<TEnum, string> Words = Enum.GetValues<TEnum>()
        .ToDictionary(value => value, value => value.ToString().ToLowerInvariant());

    public static string Of(TEnum value) => Words[value];

    public static TEnum Parse(string text) => Words.Single(word => string.Equals(word.Value, text, StringComparison.Ordinal)).Key;
}
