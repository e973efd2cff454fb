using System.Net;
using RecService.Api.Tests.Fixtures;

namespace RecService.Api.Tests.Interactions;

/// <summary>Transactions that PostgreSQL rolls back for others.</summary>
public sealed class CollisionTests(ServiceFixture service) : IClassFixture<ServiceFixture>
{
    [Theory]
    [InlineData("40P01", 1)]
    [InlineData("40P01", 100)]
    [InlineData("40001", 1)]
    [InlineData("23503", 1)]
    public async Task A_batch_that_had_to_give_way_is_stored_at_the_next_try(string state, int rows)
    {
        var user = $"once-{state}-{rows}";
        await FailAsync($"fail_once_{state}_{rows}", state, user, times: 3);
        var result = await service.Client.PostJsonAsync("/v1/interactions", Batch(user, rows));
        result.GetProperty("accepted").GetInt32().ShouldBe(rows);
        (await CountAsync(user)).ShouldBe(rows);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(100)]
    public async Task One_that_gives_way_again_and_again_is_told_so_and_not_that_the_database_is_away(int rows)
    {
        var user = $"ever-{rows}";
        await FailAsync($"fail_ever_{rows}", "40P01", user, times: 1000);
        var problem = await service.Client.PostJsonAsync("/v1/interactions", Batch(user, rows), HttpStatusCode.ServiceUnavailable);
        problem.GetProperty("type").GetString().ShouldBe("/problems/collision");
        (await CountAsync(user)).ShouldBe(0);
    }

    private static object Batch(string user, int rows) =>
        new
        {
            interactions = Enumerable
                .Range(0, rows)
                .Select(i => new
                {
                    userId = user,
                    itemId = $"collision-{i}",
                    type = "view",
                }),
        };

    /// <summary>Has the first statements that create the user fail. What a sequence has counted stays when a transaction is rolled back.</summary>
    private async Task FailAsync(string name, string state, string user, int times)
    {
        await using var command = service.Database.CreateCommand(
            $"""
            CREATE SEQUENCE {name};
            CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN
                IF nextval('{name}') <= {times} THEN RAISE EXCEPTION USING ERRCODE = '{state}'; END IF;
                RETURN NEW;
            END $$;
            CREATE TRIGGER {name} BEFORE INSERT ON users FOR EACH ROW WHEN (NEW.user_id = '{user}') EXECUTE FUNCTION {name}();
            """
        );
        await command.ExecuteNonQueryAsync();
    }

    private Task<long> CountAsync(string user) =>
        service.ScalarAsync<long>("SELECT count(*) FROM interactions JOIN users USING (user_key) WHERE user_id = $1", user);
}
