using RecService.Api.Domain;

namespace RecService.Api.Http.Bulk;

/// <summary>A column that files of rows may have.</summary>
/// <param name="Name">Its name, which is that of the property in JSON.</param>
/// <param name="Read">Takes a cell of it into a row.</param>
internal sealed record ImportColumn<T>(string Name, ReadCell<T> Read)
{
    /// <summary>Whether a file must have it.</summary>
    public bool IsRequired { get; init; }

    /// <summary>Whether a parameter may give all rows the same value by its plain text.</summary>
    public bool MayBeConstant { get; init; }

    /// <summary>Reads columns of the values by name that it holds, whose names are its own, a dot and the key; null where it holds none.</summary>
    public ReadKey<T>? ReadKey { get; init; }
}

/// <summary>How a column of a file, or a constant, is read.</summary>
/// <param name="Name">What errors call it.</param>
/// <param name="Read">Takes a cell of it into a row.</param>
internal sealed record BoundColumn<T>(string Name, ReadCell<T> Read);

/// <summary>How rows of a file are read.</summary>
/// <param name="Columns">For each column of the file; null where it is ignored.</param>
/// <param name="Constants">What all rows have besides.</param>
internal sealed record RowReader<T>(IReadOnlyList<BoundColumn<T>?> Columns, IReadOnlyList<(BoundColumn<T> Column, Cell Cell)> Constants)
    where T : new()
{
    /// <summary>A row that has the constants.</summary>
    public T Begin(FieldErrors errors)
    {
        var row = new T();
        foreach (var (column, cell) in Constants)
        {
            row = column.Read(errors, column.Name, row, cell);
        }

        return row;
    }
}

/// <summary>The columns that files of a kind of rows may have.</summary>
internal sealed class ImportColumns<T>(params IReadOnlyList<ImportColumn<T>> all)
    where T : new()
{
    private const char BeginsConstant = '=';

    /// <summary>The names, for people.</summary>
    public string Names { get; } =
        string.Join(", ", all.Select(column => column.ReadKey is null ? $"`{column.Name}`" : $"`{column.Name}.<key>`"));

    /// <summary>Whether a query parameter names one of them.</summary>
    public bool Has(string name) => Find(name) is not null;

    /// <summary>How a file with a header is read; null, with errors, when it cannot be.</summary>
    /// <param name="errors">Name parameters, and columns of the header.</param>
    /// <param name="header">The names of the file's columns.</param>
    /// <param name="parameters">What the caller says of them.</param>
    public RowReader<T>? Bind(FieldErrors errors, IReadOnlyList<string> header, ColumnParameters parameters)
    {
        var binding = new Binding(errors, header);
        foreach (var name in parameters.Ignored)
        {
            binding.Take(ColumnParameters.IgnoreName, name);
        }

        foreach (var (name, value) in parameters.Columns.OrderBy(parameter => MayBeConstant(parameter.Name)))
        {
            if (value is [BeginsConstant, .. var text])
            {
                binding.Constants.Add((name, text));
            }
            else if (MayBeConstant(name) && !binding.IsFree(value))
            {
                binding.Constants.Add((name, value));
            }
            else if (binding.Take(name, value) is { } place)
            {
                binding.Fields[place] = name;
            }
        }

        if (errors.Any)
        {
            // What else is wrong may follow from it.
            return null;
        }

        binding.TakeRest(Has);
        var columns = binding.Fields.Select(field => field is null ? null : Resolve(errors, field)).ToList();
        var constants = new List<(BoundColumn<T> Column, Cell Cell)>();
        foreach (var (name, text) in binding.Constants)
        {
            if (text.Length == 0)
            {
                errors.Add(name, "must not be empty");
            }
            else if (Resolve(errors, name) is { } column)
            {
                constants.Add((column, new(text)));
            }
        }

        Check(errors, [.. binding.Fields.OfType<string>(), .. binding.Constants.Select(constant => constant.Name)]);
        return errors.Any ? null : new(columns, constants);
    }

    private bool MayBeConstant(string name) => Find(name)?.MayBeConstant == true;

    private ImportColumn<T>? Find(string name) =>
        all.FirstOrDefault(column =>
            column.Name.Equals(name, StringComparison.Ordinal)
            || (column.ReadKey is not null && name.StartsWith(column.Name, StringComparison.Ordinal) && name.AsSpan(column.Name.Length) is ['.', ..])
        );

    private BoundColumn<T>? Resolve(FieldErrors errors, string name)
    {
        var column = Find(name)!;
        if (column.Name.Length == name.Length)
        {
            return new(name, column.Read);
        }

        var (key, type, problem) = NamedValues.Declared(name[(column.Name.Length + 1)..]);
        errors.Check(name, problem);
        return problem is null ? new(name, column.ReadKey!(key, type)) : null;
    }

    /// <summary>Whether each is there once, and what must be there is.</summary>
    private void Check(FieldErrors errors, IReadOnlyList<string> names)
    {
        foreach (var repeated in names.GroupBy(NamedValues.Undeclared, StringComparer.Ordinal).Where(group => group.Count() > 1))
        {
            errors.Add(repeated.Key, "is given twice");
        }

        foreach (var column in all)
        {
            if (column.IsRequired && !names.Contains(column.Name, StringComparer.Ordinal))
            {
                errors.Add(column.Name, "is a column that is required");
            }

            var isWhole = column.ReadKey is not null && names.Contains(column.Name, StringComparer.Ordinal);
            if (isWhole && names.Any(name => name.StartsWith(column.Name + '.', StringComparison.Ordinal)))
            {
                errors.Add(column.Name, "is given as a whole and by names");
            }
        }
    }

    /// <summary>Which column of a file is which of ours, as far as it is known.</summary>
    private sealed class Binding(FieldErrors errors, IReadOnlyList<string> header)
    {
        private readonly string?[] _takers = new string?[header.Count];

        /// <summary>The column of ours that each of the file's is.</summary>
        public string?[] Fields { get; } = new string?[header.Count];

        public List<(string Name, string Text)> Constants { get; } = [];

        /// <summary>Whether the header has a column that no parameter has taken.</summary>
        public bool IsFree(string column) => Places(column).Any(place => _takers[place] is null);

        /// <summary>Has a parameter take a column of the file.</summary>
        public int? Take(string parameter, string column)
        {
            var problem = Places(column).ToList() switch
            {
                [] => $"names the column '{column}', which the file does not have",
                [var place] when _takers[place] is { } taker => $"names the column '{column}', which '{taker}' names too",
                [_] => null,
                _ => $"names the column '{column}', which the file has twice",
            };
            if (problem is not null)
            {
                errors.Add(parameter, problem);
                return null;
            }

            var taken = Places(column).Single();
            _takers[taken] = parameter;
            return taken;
        }

        /// <summary>Columns that no parameter names have the names of ours.</summary>
        public void TakeRest(Func<string, bool> isOurs)
        {
            for (var place = 0; place < header.Count; place++)
            {
                if (_takers[place] is not null)
                {
                    continue;
                }

                if (isOurs(header[place]))
                {
                    Fields[place] = header[place];
                }
                else
                {
                    errors.Add(header[place], "is not a known column");
                }
            }
        }

        private IEnumerable<int> Places(string column) =>
            Enumerable.Range(0, header.Count).Where(place => header[place].Equals(column, StringComparison.Ordinal));
    }
}
