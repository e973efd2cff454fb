using Npgsql;
using RecService.Api.Storage;
using RecService.Api.Tests.Fixtures;

namespace RecService.Api.Tests.Storage;

public sealed class CopyWriterTests(ServiceFixture service) : IClassFixture<ServiceFixture>
{
    [Fact]
    public async Task Values_are_stored_as_they_are_given()
    {
        await using var connection = await BeginAsync("a bigint, b text, c float8, d timestamptz, e text[], f jsonb");
        await using (var copy = await CopyWriter.BeginAsync(connection, "copied (a, b, c, d, e, f)", columns: 6, CancellationToken.None))
        {
            copy.BeginRow();
            copy.Int64(long.MaxValue);
            copy.Text("ünï 😀");
            copy.Double(-1.5e300);
            copy.Time(new(2026, 2, 3, 4, 5, 6, 789, 12, TimeSpan.Zero));
            copy.Texts(["a", "ü", ""]);
            copy.Json("""{"ü": "😀"}""");
            await copy.EndRowAsync(CancellationToken.None);
            copy.BeginRow();
            copy.Int64(-1);
            copy.Text("");
            copy.Null();
            copy.Time(new DateTimeOffset(1970, 1, 1, 1, 59, 59, TimeSpan.FromHours(2)).AddTicks(9_999_990));
            copy.Texts([]);
            copy.Null();
            await copy.EndRowAsync(CancellationToken.None);
            await copy.CompleteAsync(CancellationToken.None);
        }

        await connection.ExecuteAsync("SET LOCAL TimeZone = 'UTC'", CancellationToken.None);
        (await TextAsync(connection, "SELECT string_agg(copied::text, E'\n' ORDER BY a DESC) FROM copied")).ShouldBe(
            """""
            (9223372036854775807,"ünï 😀",-1.5e+300,"2026-02-03 04:05:06.789012+00","{a,ü,""""}","{""ü"": ""😀""}")
            (-1,"",,"1969-12-31 23:59:59.999999+00",{},)
            """""
        );
    }

    [Fact]
    public async Task Rows_may_be_longer_than_the_buffer_and_more_than_fit_into_it()
    {
        await using var connection = await BeginAsync("n bigint, t text");
        await using (var copy = await CopyWriter.BeginAsync(connection, "copied (n, t)", columns: 2, CancellationToken.None))
        {
            for (var n = 1; n <= 20_000; n++)
            {
                await AddAsync(copy, n, new('ü', LengthOf(n)));
            }

            await copy.CompleteAsync(CancellationToken.None);
        }

        (await connection.ScalarAsync<long>("SELECT count(*) FROM copied WHERE t = repeat('ü', length(t))", CancellationToken.None)).ShouldBe(20_000);
        (await TextAsync(connection, "SELECT string_agg(length(t)::text, ',' ORDER BY n) FROM copied")).ShouldBe(
            string.Join(',', Enumerable.Range(1, 20_000).Select(LengthOf))
        );

        static int LengthOf(int n) => n % 1000 == 7 ? 1_000_000 : n % 90;
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(50_000)]
    public async Task What_is_not_completed_is_not_stored_and_leaves_the_connection_to_others(int rows)
    {
        await using var connection = await service.Database.OpenConnectionAsync();
        await connection.ExecuteAsync("CREATE TEMPORARY TABLE abandoned (n bigint, t text)", CancellationToken.None);
        await using (var copy = await CopyWriter.BeginAsync(connection, "abandoned (n, t)", columns: 2, CancellationToken.None))
        {
            for (var n = 0; n < rows; n++)
            {
                await AddAsync(copy, n, "text");
            }
        }

        (await connection.ScalarAsync<long>("SELECT count(*) FROM abandoned", CancellationToken.None)).ShouldBe(0);
    }

    [Fact]
    public async Task What_the_database_refuses_is_told_in_the_end()
    {
        await using var connection = await service.Database.OpenConnectionAsync();
        await connection.ExecuteAsync("CREATE TEMPORARY TABLE refused (n bigint CHECK (n <> 3), t text)", CancellationToken.None);
        await using (var copy = await CopyWriter.BeginAsync(connection, "refused (n, t)", columns: 2, CancellationToken.None))
        {
            for (var n = 0; n < 10; n++)
            {
                await AddAsync(copy, n, "text");
            }

            (await Should.ThrowAsync<PostgresException>(() => copy.CompleteAsync(CancellationToken.None))).SqlState.ShouldBe(
                PostgresErrorCodes.CheckViolation
            );
        }

        (await connection.ScalarAsync<long>("SELECT count(*) FROM refused", CancellationToken.None)).ShouldBe(0);
    }

    [Fact]
    public async Task Who_waits_for_the_database_may_give_up()
    {
        using var patience = new CancellationTokenSource();
        await Should.ThrowAsync<OperationCanceledException>(() => WaitAsync(service.ConnectionString, patience));
    }

    [Fact]
    public async Task A_database_that_takes_no_rows_is_not_waited_for_beyond_the_limit_of_a_command()
    {
        var exception = await Should.ThrowAsync<NpgsqlException>(() => WaitAsync(service.ConnectionString + ";Command Timeout=1", patience: null));

        DatabaseErrors.IsAway(exception).ShouldBeTrue();
    }

    /// <summary>Adds rows to a table whose trigger waits, until there is no more room on the way, and, with patience, for as long as that lasts.</summary>
    private async Task WaitAsync(string connectionString, CancellationTokenSource? patience)
    {
        await using var holder = await service.Database.OpenConnectionAsync();
        await holder.ExecuteAsync("SELECT pg_advisory_lock(7)", CancellationToken.None);
        await using var connection = new NpgsqlConnection(connectionString);
        await connection.OpenAsync();
        await connection.ExecuteAsync(
            """
            CREATE TEMPORARY TABLE held (n bigint, t text);
            CREATE FUNCTION pg_temp.wait() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_advisory_xact_lock(7); RETURN NEW; END';
            CREATE TRIGGER wait BEFORE INSERT ON held FOR EACH ROW EXECUTE FUNCTION pg_temp.wait()
            """,
            CancellationToken.None
        );
        await using var copy = await CopyWriter.BeginAsync(connection, "held (n, t)", columns: 2, CancellationToken.None);
        var adding = AddForEverAsync(copy, patience?.Token ?? CancellationToken.None);
        if (patience is not null)
        {
            await using var observer = await service.Database.OpenConnectionAsync();
            await Waiting.UntilAsync(observer, sessions: 1);
            await patience.CancelAsync();
        }

        await adding;
    }

    private static async Task AddForEverAsync(CopyWriter copy, CancellationToken cancellationToken)
    {
        var text = new string('x', 10_000);
        for (var n = 0; ; n++)
        {
            await AddAsync(copy, n, text, cancellationToken);
        }
    }

    private static ValueTask AddAsync(CopyWriter copy, long number, string text, CancellationToken cancellationToken = default)
    {
        copy.BeginRow();
        copy.Int64(number);
        copy.Text(text);
        return copy.EndRowAsync(cancellationToken);
    }

    /// <summary>A connection with the table <c>copied</c>, which ends with its transaction.</summary>
    private async Task<NpgsqlConnection> BeginAsync(string columns)
    {
        var connection = await service.Database.OpenConnectionAsync();
        await connection.ExecuteAsync($"BEGIN; CREATE TEMPORARY TABLE copied ({columns}) ON COMMIT DROP", CancellationToken.None);
        return connection;
    }

    private static Task<string> TextAsync(NpgsqlConnection connection, string query) => connection.ScalarAsync<string>(query, CancellationToken.None);
}
