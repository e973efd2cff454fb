using System.Text.Json;
using System.Text.Json.Serialization;

namespace RecService.Client;

/// <summary>
/// The operations of the service; those that are generated of its contract. <c>AddRecServiceClient</c> gives it an address, a key and retries; made by hand, it
/// has what its <see cref="HttpClient"/> has.
/// </summary>
public partial class RecServiceClient
{
    static partial void UpdateJsonSerializerSettings(JsonSerializerOptions settings)
    {
        settings.DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull;
        settings.Converters.Add(new JsonStringEnumConverter(JsonNamingPolicy.CamelCase));
    }

    internal static JsonSerializerOptions Json => _settings.Value;
}
