using RecService.Api.Domain;

namespace RecService.Api.Http.Bulk;

/// <summary>Why a line of an import was rejected.</summary>
/// <param name="Line">The number of the line, from 1.</param>
/// <param name="Field">The path of the field; <c>$</c> is the whole line.</param>
/// <param name="Reason">What is wrong with it.</param>
internal sealed record LineError(long Line, string Field, string Reason);

/// <summary>Counts the rejected lines of an import and keeps the first of their errors.</summary>
internal sealed class RejectedLines
{
    /// <summary>How many errors are kept.</summary>
    public const int MaxErrors = 1000;

    private readonly List<LineError> _errors = [];

    public long Count { get; private set; }

    public bool Truncated { get; private set; }

    public IReadOnlyList<LineError> Errors => _errors;

    public int Room => MaxErrors - _errors.Count;

    public void Add(long line, IReadOnlyList<FieldError> errors)
    {
        Count++;
        foreach (var error in errors)
        {
            Keep(line, error);
        }
    }

    public void Add(long line, FieldError error)
    {
        Count++;
        Keep(line, error);
    }

    /// <summary>Counts lines whose errors are not known one by one.</summary>
    public void AddUnlisted(long count)
    {
        Count += count;
        Truncated |= count > 0;
    }

    private void Keep(long line, FieldError error)
    {
        if (_errors.Count < MaxErrors)
        {
            _errors.Add(new(line, error.Field, error.Reason));
        }
        else
        {
            Truncated = true;
        }
    }
}
