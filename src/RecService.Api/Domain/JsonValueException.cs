using System.Text.Json;

namespace RecService.Api.Domain;

/// <summary>
/// What a converter of ours finds wrong with a value, in words for the caller: "must be an object". Messages of other JSON exceptions speak of .NET.
/// </summary>
internal sealed class JsonValueException(string reason) : JsonException(reason);
