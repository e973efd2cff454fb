using RecService.Api.Storage;
using RecService.Api.Tests.Fixtures;

namespace RecService.Api.Tests.Storage;

public sealed class CopyRowsTests(ServiceFixture service) : IClassFixture<ServiceFixture>
{
    [Fact]
    public async Task Values_come_as_they_are_stored()
    {
        var rows = await ReadAsync(
            """
            SELECT * FROM (VALUES
                (9223372036854775807, 'ünï', 1.5::float8, timestamptz '2026-02-03 04:05:06.789012+00', ARRAY['a', 'ü', '']),
                (-1, '', NULL, timestamptz '1969-12-31 23:59:59.999999+00', ARRAY[]::text[])) AS v (a, b, c, d, e)
            """,
            columns: 5,
            stored => (stored.Int64(0), stored.Text(1), stored.NullableDouble(2), stored.Seconds(3), string.Join('|', stored.Texts(4)), stored.IsNull(2))
        );

        rows.ShouldBe([
            (long.MaxValue, "ünï", 1.5, 1_770_091_506.789012, "a|ü|", false),
            (-1, "", null, -0.000001, "", true),
        ]);
    }

    [Fact]
    public async Task Rows_may_be_longer_than_the_buffer_and_more_than_fit_into_it()
    {
        var rows = await ReadAsync(
            "SELECT n, repeat('x', CASE WHEN n % 1000 = 7 THEN 1000000 ELSE n::int % 90 END) FROM generate_series(1::bigint, 20000) n",
            columns: 2,
            stored => (stored.Int64(0), stored.Bytes(1).Length)
        );

        rows.ShouldBe(Enumerable.Range(1, 20_000).Select(n => ((long)n, n % 1000 == 7 ? 1_000_000 : n % 90)));
    }

    [Fact]
    public async Task Nothing_comes_of_no_rows()
    {
        (await ReadAsync("SELECT 1::bigint WHERE false", columns: 1, stored => stored.Int64(0))).ShouldBeEmpty();
    }

    [Fact]
    public async Task Another_number_of_columns_is_refused()
    {
        var exception = await Should.ThrowAsync<InvalidDataException>(() => ReadAsync("SELECT 1::bigint, 2::bigint", columns: 1, stored => stored.Int64(0)));

        exception.Message.ShouldBe("A row of COPY has 2 columns; 1 are expected.");
    }

    [Fact]
    public async Task The_connection_is_free_again_even_if_not_all_was_read()
    {
        await using var connection = await service.Database.OpenConnectionAsync();
        await using (
            var stored = await CopyRows.BeginAsync(connection, "SELECT n FROM generate_series(1::bigint, 1000000) n", columns: 1, CancellationToken.None)
        )
        {
            (await stored.FillAsync(CancellationToken.None)).ShouldBeTrue();
            stored.Next().ShouldBeTrue();
        }

        (await connection.ScalarAsync<int>("SELECT 1", CancellationToken.None)).ShouldBe(1);
    }

    private async Task<List<T>> ReadAsync<T>(string query, int columns, Func<CopyRows, T> read)
    {
        await using var connection = await service.Database.OpenConnectionAsync();
        await using var stored = await CopyRows.BeginAsync(connection, query, columns, CancellationToken.None);
        var rows = new List<T>();
        while (await stored.FillAsync(CancellationToken.None))
        {
            while (stored.Next())
            {
                rows.Add(read(stored));
            }
        }

        return rows;
    }
}
