using System.Text;
using RecService.Cli.Commands;
using RecService.Cli.Files;
using RecService.Cli.Output;
using RecService.Engine.Data;

namespace RecService.Cli.Ranking;

/// <summary>Reads lines of cells with tabs between them; empty lines are skipped, empty cells refused.</summary>
internal sealed class TabReader : IDisposable
{
    private static readonly UTF8Encoding StrictUtf8 = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    private readonly InputFile _file;
    private readonly StreamReader _reader;
    private readonly string[] _cells;
    private readonly int _least;
    private readonly List<Range> _ranges = [];
    private string _text = "";
    private long _line;

    /// <param name="path">The file, or <c>-</c> for standard input.</param>
    /// <param name="standardInput">What <c>-</c> stands for.</param>
    /// <param name="least">How many cells a line has at least.</param>
    /// <param name="cells">What the cells are; a last one of <c>…</c> stands for any number of them.</param>
    public TabReader(string path, Stream standardInput, int least, params string[] cells)
    {
        _file = InputFile.Open(path, standardInput);
        _reader = new(_file.Content, StrictUtf8);
        _least = least;
        _cells = cells;
    }

    /// <summary>Number of cells of the line.</summary>
    public int Count => _ranges.Count;

    public ReadOnlySpan<char> this[int cell] => _text.AsSpan(_ranges[cell]);

    /// <summary>What stands from a cell to the end of the line; empty where there is no such cell.</summary>
    public ReadOnlySpan<char> From(int cell) => cell < Count ? _text.AsSpan(_ranges[cell].Start.Value) : default;

    /// <summary>Goes to the next line that is not empty.</summary>
    public bool Read()
    {
        do
        {
            if (NextLine() is not { } line)
            {
                return false;
            }

            _text = line;
            _line++;
        } while (_text.Length == 0);

        _ranges.Clear();
        foreach (var range in _text.AsSpan().Split('\t'))
        {
            _ranges.Add(range);
        }

        if (Count < _least || (Count > _cells.Length && _cells[^1] != "…"))
        {
            throw Refusal(0, $"the line has {Figures.Counted(Count, "cell")}; it must be {Form()}.");
        }

        for (var cell = 0; cell < Count; cell++)
        {
            if (this[cell].IsEmpty)
            {
                throw Refusal(cell, "the cell is empty.");
            }
        }

        return true;
    }

    /// <summary>The exception for something wrong with a cell.</summary>
    public DataFormatException Refusal(int cell, string reason) =>
        new(_file.Name, _line, 1 + Encoding.UTF8.GetByteCount(_text.AsSpan(0, _ranges[cell].Start.Value)), reason);

    public void Dispose()
    {
        _reader.Dispose();
        _file.Dispose();
    }

    private string Form() =>
        string.Join(", ", _cells[.._least])
        + (_cells.Length > _least ? $"[, {string.Join(", ", _cells[_least..])}]" : "")
        + (_cells.Length > 1 ? " with tabs between" : "");

    private string? NextLine()
    {
        try
        {
            return _reader.ReadLine();
        }
        catch (DecoderFallbackException refusal)
        {
            throw new CommandFailedException(
                FormattableString.Invariant($"{_file.Name}: what follows line {_line} is not UTF-8 text: {refusal.Message}"),
                refusal
            );
        }
    }
}
