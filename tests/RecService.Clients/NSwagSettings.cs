using System.Text.Json;
using System.Text.Json.Serialization;

namespace RecService.Clients.NSwag;

/// <summary>The generator writes no converter for lists of enumerations with System.Text.Json; this is its place for one.</summary>
public partial class RecServiceClient
{
    static partial void UpdateJsonSerializerSettings(JsonSerializerOptions settings) =>
        settings.Converters.Add(new JsonStringEnumConverter(JsonNamingPolicy.CamelCase));
}
