using Microsoft.Extensions.Options;

namespace RecService.Api.Dashboard;

/// <summary>Section <c>Dashboard</c>.</summary>
internal sealed class DashboardOptions
{
    public const string Section = "Dashboard";

    /// <summary>Whether the dashboard is there.</summary>
    public bool Enabled { get; set; } = true;

    /// <summary>A provider of identities that may sign in beside API keys; none when it has no authority.</summary>
    public OpenIdConnectSettings OpenIdConnect { get; set; } = new();

    /// <summary>The settings as they are before anything is registered, since what is switched off is not registered.</summary>
    public static DashboardOptions Read(IConfiguration configuration) =>
        configuration.GetSection(Section).Get<DashboardOptions>(binder => binder.ErrorOnUnknownConfiguration = true) ?? new();
}

/// <summary>Who may sign in by OpenID Connect.</summary>
internal sealed class OpenIdConnectSettings
{
    /// <summary>The address of the provider; null where nobody signs in by one.</summary>
    public string? Authority { get; set; }

    /// <summary>The id that the provider knows the dashboard by.</summary>
    public string? ClientId { get; set; }

    /// <summary>The secret that the provider knows the dashboard by.</summary>
    public string? ClientSecret { get; set; }

    /// <summary>The claim that says who may.</summary>
    public string AdminClaim { get; set; } = "roles";

    /// <summary>The value of the claim that lets somebody in.</summary>
    public string? AdminValue { get; set; }

    public bool IsUsed => !string.IsNullOrEmpty(Authority);
}

internal sealed class DashboardOptionsValidation : IValidateOptions<DashboardOptions>
{
    public ValidateOptionsResult Validate(string? name, DashboardOptions options)
    {
        var provider = options.OpenIdConnect;
        if (!provider.IsUsed)
        {
            return ValidateOptionsResult.Success;
        }

        const string section = $"{DashboardOptions.Section}:{nameof(DashboardOptions.OpenIdConnect)}";
        var failures = new List<string>();
        if (
            !Uri.TryCreate(provider.Authority, UriKind.Absolute, out var authority)
            || !(authority.Scheme == Uri.UriSchemeHttps || (authority.Scheme == Uri.UriSchemeHttp && authority.IsLoopback))
        )
        {
            failures.Add($"{section}:{nameof(provider.Authority)} must be an address such as https://login.example; http is for this machine alone.");
        }

        foreach (
            var (setting, value) in new[]
            {
                (nameof(provider.ClientId), provider.ClientId),
                (nameof(provider.ClientSecret), provider.ClientSecret),
                (nameof(provider.AdminClaim), provider.AdminClaim),
                // Without a value, whoever has an account would be an admin.
                (nameof(provider.AdminValue), provider.AdminValue),
            }
        )
        {
            if (string.IsNullOrEmpty(value))
            {
                failures.Add($"{section}:{setting} is required where {nameof(provider.Authority)} is set.");
            }
        }

        return failures.Count > 0 ? ValidateOptionsResult.Fail(failures) : ValidateOptionsResult.Success;
    }
}
