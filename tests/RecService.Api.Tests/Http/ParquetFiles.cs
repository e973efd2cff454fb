using Parquet;
using Parquet.Schema;

namespace RecService.Api.Tests.Http;

/// <summary>Files as other programs write them.</summary>
internal static class ParquetFiles
{
    /// <summary>A file of one row group.</summary>
    /// <param name="columns">Each with its values; null where there is none.</param>
    public static async Task<byte[]> WriteAsync(params (Field Field, Array Values)[] columns)
    {
        using var content = new MemoryStream();
        await using (var file = await ParquetWriter.CreateAsync(new ParquetSchema(columns.Select(column => column.Field)), content))
        {
            using var group = file.CreateRowGroup();
            foreach (var (field, values) in columns)
            {
                await WriteAsync(group, field, values);
            }
        }

        return content.ToArray();
    }

    private static Task WriteAsync(ParquetRowGroupWriter group, Field field, Array values) =>
        (field, values) switch
        {
            (ListField list, string[]?[] lists) => WriteListsAsync(group, (DataField)list.Item, lists),
            (ListField list, double[] numbers) => group.WriteAllPartsAsync<double>(
                (DataField)list.Item,
                numbers,
                numbers.Select(_ => list.Item.MaxDefinitionLevel).ToArray(),
                numbers.Select((_, i) => i == 0 ? 0 : 1).ToArray(),
                CancellationToken.None
            ),
            (DataField data, string?[] texts) => group.WriteAsync(data, texts!),
            (DataField data, double?[] numbers) => group.WriteAsync<double>(data, numbers),
            (DataField data, double[] numbers) => group.WriteAsync<double>(data, numbers),
            (DataField data, float[] numbers) => group.WriteAsync<float>(data, numbers),
            (DataField data, long[] numbers) => group.WriteAsync<long>(data, numbers),
            (DataField data, long?[] numbers) => group.WriteAsync<long>(data, numbers),
            (DataField data, bool[] flags) => group.WriteAsync<bool>(data, flags),
            (DataField data, DateTime[] times) => group.WriteAsync<DateTime>(data, times),
            (DataField data, DateOnly[] dates) => group.WriteAsync<DateOnly>(data, dates),
            _ => throw new NotSupportedException(values.GetType().Name),
        };

    private static Task WriteListsAsync(ParquetRowGroupWriter group, DataField item, string[]?[] lists)
    {
        var (levels, repeats, texts) = (new List<int>(), new List<int>(), new List<ReadOnlyMemory<char>>());
        foreach (var list in lists)
        {
            if (list is null or [])
            {
                levels.Add(list is null ? 0 : 1);
                repeats.Add(0);
                continue;
            }

            foreach (var (i, text) in list.Index())
            {
                levels.Add(item.MaxDefinitionLevel);
                repeats.Add(i == 0 ? 0 : 1);
                texts.Add(text.AsMemory());
            }
        }

        return group.WriteAllPartsAsync<ReadOnlyMemory<char>>(item, texts.ToArray(), levels.ToArray(), repeats.ToArray(), CancellationToken.None);
    }
}
