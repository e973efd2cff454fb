using System.Collections;
using System.Globalization;
using System.Reflection;
using Microsoft.Extensions.Options;
using RecService.Api.Access;
using RecService.Api.Http.Edge;
using RecService.Api.Http.Limits;
using RecService.Api.Interactions;
using RecService.Api.Scoring;
using RecService.Api.Storage;
using RecService.Api.Training;

namespace RecService.Api.Dashboard;

/// <summary>A setting as it counts.</summary>
internal sealed record EffectiveSetting(string Name, string Value, string Default)
{
    public bool IsDefault => Value == Default;
}

/// <summary>The settings of the process beside their defaults, without secrets.</summary>
internal sealed class EffectiveSettings(IServiceProvider services)
{
    private const string None = "–";

    /// <summary>What may hold a secret is not shown, whatever it holds.</summary>
    private static readonly string[] Secrets = ["BootstrapKey", "Secret", "Password", "ConnectionString"];

    public IEnumerable<(string Section, IReadOnlyList<EffectiveSetting> Rows)> Read()
    {
        var training = services.GetRequiredService<IOptions<TrainingOptions>>().Value;
        var defaults = new TrainingOptions { Objective = training.Objective, Solver = training.Solver };
        defaults.SetDefaultsOfObjective();
        yield return Of("Training", training, defaults);
        yield return Of("Scoring", services.GetRequiredService<IOptions<ScoringOptions>>().Value);
        yield return Of(InteractionsOptions.Section, services.GetRequiredService<IOptions<InteractionsOptions>>().Value);
        yield return Of("Retention", services.GetRequiredService<IOptions<RetentionOptions>>().Value);
        yield return Of(AccessOptions.Section, services.GetRequiredService<IOptions<AccessOptions>>().Value);
        yield return Of(LoadOptions.Section, services.GetRequiredService<IOptions<LoadOptions>>().Value);
        yield return Of(DatabaseOptions.Section, services.GetRequiredService<DatabaseConfiguration>().Options);
        yield return Of("Proxy", services.GetRequiredService<IOptions<ProxySettings>>().Value);
        yield return Of("Cors", services.GetRequiredService<IOptions<CorsSettings>>().Value);
        yield return Of(DashboardOptions.Section, services.GetRequiredService<IOptions<DashboardOptions>>().Value);
    }

    /// <param name="section">The section of the configuration.</param>
    /// <param name="options">The settings of it that count.</param>
    /// <param name="dependent">Those that depend on others, where nothing is set; null where none do.</param>
    /// <typeparam name="T">The type of the settings, which are those that nothing is said of when they are new.</typeparam>
    internal static (string Section, IReadOnlyList<EffectiveSetting> Rows) Of<T>(string section, T options, T? dependent = null)
        where T : class, new()
    {
        var defaults = ByName(new T(), section);
        foreach (var (name, value) in dependent is null ? [] : ByName(dependent, section))
        {
            if (defaults.GetValueOrDefault(name, None) == None)
            {
                defaults[name] = value;
            }
        }

        return (section, [.. ByName(options, section).Select(row => new EffectiveSetting(row.Key, row.Value, defaults.GetValueOrDefault(row.Key, None)))]);
    }

    private static Dictionary<string, string> ByName(object options, string section)
    {
        var rows = new List<(string Name, string Value)>();
        Collect(options, section, rows);
        return rows.ToDictionary(row => row.Name, row => row.Value, StringComparer.OrdinalIgnoreCase);
    }

    private static void Collect(object options, string path, List<(string Name, string Value)> rows)
    {
        foreach (var property in options.GetType().GetProperties(BindingFlags.Public | BindingFlags.Instance).Where(property => property.CanWrite))
        {
            Add($"{path}:{property.Name}", property.Name, property.GetValue(options), rows);
        }
    }

    private static void Add(string path, string name, object? value, List<(string Name, string Value)> rows)
    {
        if (Secrets.Any(secret => name.EndsWith(secret, StringComparison.OrdinalIgnoreCase)))
        {
            rows.Add((path, value is null or "" ? None : "set, not shown"));
            return;
        }

        switch (value)
        {
            case null or "":
                rows.Add((path, None));
                break;
            case IDictionary dictionary:
                foreach (DictionaryEntry entry in dictionary)
                {
                    var entries = new List<(string Name, string Value)>();
                    Add(string.Create(CultureInfo.InvariantCulture, $"{path}:{entry.Key}"), name: "", entry.Value, entries);
                    // Of many entries, what is absent would hide what is there.
                    rows.AddRange(entries.Where(row => row.Value != None));
                }

                break;
            case string or IFormattable or bool:
                rows.Add((path, Shown(value)));
                break;
            case IEnumerable list:
                rows.Add((path, string.Join(", ", list.Cast<object>().Select(Shown)) is { Length: > 0 } text ? text : None));
                break;
            default:
                Collect(value, path, rows);
                break;
        }
    }

    private static string Shown(object value) =>
        value switch
        {
            bool flag => flag ? "true" : "false",
            IFormattable formattable => formattable.ToString(format: null, CultureInfo.InvariantCulture),
            _ => value.ToString() ?? None,
        };
}
