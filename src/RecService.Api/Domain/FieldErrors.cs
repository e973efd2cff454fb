namespace RecService.Api.Domain;

/// <summary>Collects what is wrong with a request, by the path of the field, such as <c>context.device</c> or <c>tags[2]</c>.</summary>
internal sealed class FieldErrors
{
    private readonly List<FieldError> _errors = [];

    public bool Any => _errors.Count > 0;

    public IReadOnlyList<FieldError> All => _errors;

    public void Add(string field, string reason) => _errors.Add(new(field, reason));

    /// <summary>Adds the reason, if there is one.</summary>
    public void Check(string field, string? reason)
    {
        if (reason is not null)
        {
            Add(field, reason);
        }
    }
}

internal readonly record struct FieldError(string Field, string Reason);
