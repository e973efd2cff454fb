namespace RecService.Api.Models;

/// <summary>A stored model must not be served.</summary>
internal sealed class ModelCheckException(string message) : Exception(message);
