namespace RecService.Engine.Data;

/// <summary>A file of examples cannot be read; the message says why and, in a text file, where.</summary>
public sealed class DataFormatException : Exception
{
    public DataFormatException() { }

    public DataFormatException(string message)
        : base(message) { }

    public DataFormatException(string message, Exception innerException)
        : base(message, innerException) { }

    /// <summary>An error at a place in a text file; the message is <c>name(line,column): reason</c>.</summary>
    public DataFormatException(string name, long line, int column, string reason)
        : base(FormattableString.Invariant($"{name}({line},{column}): {reason}"))
    {
        Line = line;
        Column = column;
    }

    /// <summary>Line, the first being 1; null in a binary file.</summary>
    public long? Line { get; }

    /// <summary>Byte within the line, the first being 1; null in a binary file.</summary>
    public int? Column { get; }
}
