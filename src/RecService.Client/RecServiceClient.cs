using System.Text.Json;
using System.Text.Json.Serialization;

namespace RecService.Client;

/// <summary>The operations of the service: those that are generated of its contract, and its health.</summary>
public partial interface IRecServiceClient
{
    /// <summary>Whether the service is up, and all that it needs works.</summary>
    /// <param name="cancellationToken">Ends the waiting.</param>
    Task<bool> IsReadyAsync(CancellationToken cancellationToken = default);
}

/// <summary>
/// The operations of the service; those that are generated of its contract. <c>AddRecServiceClient</c> gives it an address, a key and retries; made by hand, it
/// has what its <see cref="HttpClient"/> has.
/// </summary>
public partial class RecServiceClient
{
    /// <inheritdoc />
    public virtual async Task<bool> IsReadyAsync(CancellationToken cancellationToken = default)
    {
        try
        {
            using var response = await _httpClient.GetAsync(new Uri("health/ready", UriKind.Relative), cancellationToken).ConfigureAwait(false);
            return response.IsSuccessStatusCode;
        }
        catch (RecServiceException)
        {
            return false;
        }
    }

    static partial void UpdateJsonSerializerSettings(JsonSerializerOptions settings)
    {
        settings.DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull;
        settings.Converters.Add(new JsonStringEnumConverter(JsonNamingPolicy.CamelCase));
    }

    internal static JsonSerializerOptions Json => _settings.Value;
}
