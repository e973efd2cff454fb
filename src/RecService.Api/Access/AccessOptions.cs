using Microsoft.Extensions.Options;

namespace RecService.Api.Access;

/// <summary>Section <c>Access</c> of the configuration.</summary>
internal sealed class AccessOptions
{
    public const string Section = "Access";

    public const string BootstrapKeyName = $"{Section}:{nameof(BootstrapKey)}";

    /// <summary>A key with the role <c>admin</c> that is not stored: it holds for as long as it is configured.</summary>
    public string? BootstrapKey { get; set; }

    /// <summary>What one key may ask for; without a limit unless one is set.</summary>
    public RateLimit KeyLimit { get; set; } = new();

    /// <summary>What one address may ask for without a valid key.</summary>
    public RateLimit AnonymousLimit { get; set; } = new() { PerSecond = 10, Burst = 100 };
}

/// <summary>A token bucket. Each process counts for itself.</summary>
internal sealed class RateLimit
{
    /// <summary>Requests a second in the long run; 0: no limit.</summary>
    public double PerSecond { get; set; }

    /// <summary>Requests that may come at once.</summary>
    public int Burst { get; set; } = 100;
}

internal sealed class AccessOptionsValidation : IValidateOptions<AccessOptions>
{
    // A secret of 256 random bits has far more; the fewest are for "change-me" and the like, drawn out to the length.
    private const int LeastDistinctCharacters = 12;

    public ValidateOptionsResult Validate(string? name, AccessOptions options)
    {
        var failures = new List<string>();
        if (options.BootstrapKey is { } key && (!KeyText.TryParse(key, out _) || key.Distinct().Count() < LeastDistinctCharacters))
        {
            failures.Add(
                $"{AccessOptions.BootstrapKeyName} must be a key of the form {KeyText.Form}; make the secret at random, for instance by 'openssl rand -hex 32'."
            );
        }

        Check(nameof(AccessOptions.KeyLimit), options.KeyLimit, failures);
        Check(nameof(AccessOptions.AnonymousLimit), options.AnonymousLimit, failures);
        return failures.Count > 0 ? ValidateOptionsResult.Fail(failures) : ValidateOptionsResult.Success;
    }

    private static void Check(string name, RateLimit limit, List<string> failures)
    {
        if (limit.PerSecond is not (0 or (>= 0.01 and <= 1_000_000)))
        {
            failures.Add($"{AccessOptions.Section}:{name}:{nameof(RateLimit.PerSecond)} must be from 0.01 to 1000000, or 0 for no limit.");
        }

        if (limit.Burst is < 1 or > 1_000_000)
        {
            failures.Add($"{AccessOptions.Section}:{name}:{nameof(RateLimit.Burst)} must be from 1 to 1000000.");
        }
    }
}
