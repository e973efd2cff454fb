using System.Globalization;
using Parquet;
using Parquet.Data;
using Parquet.Schema;

namespace RecService.Api.Http.Bulk;

/// <summary>A column of a row group, value by value.</summary>
internal abstract class ParquetColumn : IDisposable
{
    private static readonly Dictionary<Type, Func<ParquetRowGroupReader, DataField, CancellationToken, Task<ParquetColumn>>> Readers = new()
    {
        [typeof(ReadOnlyMemory<char>)] = Reader<ReadOnlyMemory<char>>(text => text.ToString()),
        [typeof(double)] = Reader<double>(number => number),
        // By its digits: 0.1 is meant where 0.1 was written.
        [typeof(float)] = Reader<float>(number => float.IsFinite(number) ? double.Parse(number.ToString(Invariant), Invariant) : number),
        [typeof(decimal)] = Reader<decimal>(number => number),
        [typeof(long)] = Reader<long>(number => (decimal)number),
        [typeof(ulong)] = Reader<ulong>(number => (decimal)number),
        [typeof(int)] = Reader<int>(number => (decimal)number),
        [typeof(uint)] = Reader<uint>(number => (decimal)number),
        [typeof(short)] = Reader<short>(number => (decimal)number),
        [typeof(ushort)] = Reader<ushort>(number => (decimal)number),
        [typeof(sbyte)] = Reader<sbyte>(number => (decimal)number),
        [typeof(byte)] = Reader<byte>(number => (decimal)number),
        [typeof(bool)] = Reader<bool>(flag => flag),
        // Times without a zone are universal, as in most files there is.
        [typeof(DateTime)] = Reader<DateTime>(time => new DateTimeOffset(time.Ticks, TimeSpan.Zero)),
        [typeof(DateOnly)] = Reader<DateOnly>(date => new DateTimeOffset(date, TimeOnly.MinValue, TimeSpan.Zero)),
        [typeof(Guid)] = Reader<Guid>(id => id.ToString()),
    };

    private static CultureInfo Invariant => CultureInfo.InvariantCulture;

    /// <summary>
    /// The columns of values that a field of the schema is made of, by their names: itself, a list of values, or those of a structure, behind dots. Without a
    /// column where it is something else.
    /// </summary>
    public static IEnumerable<(string Name, DataField? Field)> Leaves(Field field) =>
        field switch
        {
            DataField data => [(data.Name, data)],
            ListField { Item: DataField item } => [(field.Name, item)],
            StructField structure => structure.Fields.SelectMany(Leaves).Select(leaf => ($"{field.Name}.{leaf.Name}", leaf.Field)),
            _ => [(field.Name, null)],
        };

    /// <summary>Whether columns of the field's type can be read.</summary>
    public static bool Takes(DataField field) =>
        field.MaxRepetitionLevel switch
        {
            0 => Readers.ContainsKey(field.ClrType),
            1 => field.ClrType == typeof(ReadOnlyMemory<char>),
            _ => false,
        };

    public static Task<ParquetColumn> ReadAsync(ParquetRowGroupReader group, DataField field, CancellationToken cancellationToken) =>
        Readers[field.ClrType](group, field, cancellationToken);

    /// <summary>The value of the next row, as a <see cref="Cell"/> has it; null where there is none.</summary>
    public abstract object? Next();

    public abstract void Dispose();

    private static Func<ParquetRowGroupReader, DataField, CancellationToken, Task<ParquetColumn>> Reader<T>(Func<T, object> convert)
        where T : struct =>
        async (group, field, cancellationToken) =>
        {
            var data = (RawColumnData<T>)await group.ReadRawColumnDataBaseAsync(field, cancellationToken);
            return field.MaxRepetitionLevel == 0 ? new Values<T>(data, field.MaxDefinitionLevel, convert) : new Lists<T>(data, field.MaxDefinitionLevel, convert);
        };

    /// <summary>One value a row, or none.</summary>
    private sealed class Values<T>(RawColumnData<T> data, int defined, Func<T, object> convert) : ParquetColumn
        where T : struct
    {
        private int _row;
        private int _value;

        public override object? Next() => defined == 0 || data.DefinitionLevels[_row++] == defined ? convert(data.Values[_value++]) : null;

        public override void Dispose() => data.Dispose();
    }

    /// <summary>As many texts a row as it has.</summary>
    private sealed class Lists<T>(RawColumnData<T> data, int defined, Func<T, object> convert) : ParquetColumn
        where T : struct
    {
        private int _entry;
        private int _value;

        public override object? Next()
        {
            var texts = new List<string>();
            do
            {
                if (defined == 0 || data.DefinitionLevels[_entry] == defined)
                {
                    texts.Add((string)convert(data.Values[_value++]));
                }

                _entry++;
            } while (_entry < data.RepetitionLevels.Length && data.RepetitionLevels[_entry] > 0);

            return texts.Count == 0 ? null : texts.ToArray();
        }

        public override void Dispose() => data.Dispose();
    }
}
