using RecService.Api.Domain;

namespace RecService.Api.Http.Bulk;

/// <summary>Why a line of an import was rejected.</summary>
/// <param name="Line">The number of the line, from 1.</param>
/// <param name="Field">The path of the field; <c>$</c> is the whole line.</param>
/// <param name="Reason">What is wrong with it.</param>
internal sealed record LineError(long Line, string Field, string Reason);

/// <summary>An import is mostly errors, and is not read to its end.</summary>
internal sealed class MostlyRejectedException(LineError first, long rejected, long lines)
    : Exception(
        FormattableString.Invariant(
            $"has {rejected} invalid lines among the first {lines}, which is not read on from; the first is line {first.Line}: {first.Field} {first.Reason}"
        )
    );

/// <summary>Counts the rejected lines of an import and keeps the first of their errors.</summary>
/// <param name="most">How many lines may be rejected while they are more than half of those that came.</param>
internal sealed class RejectedLines(long most)
{
    /// <summary>How many errors are kept.</summary>
    public const int MaxErrors = 1000;

    private readonly List<LineError> _errors = [];

    public long Count { get; private set; }

    public bool Truncated { get; private set; }

    public IReadOnlyList<LineError> Errors => _errors;

    public int Room => MaxErrors - _errors.Count;

    /// <summary>Takes a line that was read last.</summary>
    /// <exception cref="MostlyRejectedException">Enough is enough.</exception>
    public void AddRead(long line, IReadOnlyList<FieldError> errors)
    {
        Add(line, errors);
        if (Count > most && Count > line / 2)
        {
            throw new MostlyRejectedException(_errors[0], Count, line);
        }
    }

    /// <summary>Takes a line that the store has refused.</summary>
    public void Add(long line, IReadOnlyList<FieldError> errors)
    {
        Count++;
        foreach (var error in errors)
        {
            Keep(line, error);
        }
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
