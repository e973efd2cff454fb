using Npgsql;
using RecService.Api.Storage;
using RecService.Api.Tests.Fixtures;

namespace RecService.Api.Tests.Storage;

public sealed class TransactionTests(DatabaseServer server) : IAsyncLifetime
{
    private static readonly NpgsqlException LostConnection = new("The connection is lost.", new IOException());

    private NpgsqlDataSource _database = null!;
    private string _connectionString = "";

    public async ValueTask InitializeAsync()
    {
        _connectionString = await server.CreateDatabaseAsync();
        _database = NpgsqlDataSource.Create(_connectionString);
    }

    public async ValueTask DisposeAsync()
    {
        await _database.DisposeAsync();
        await server.DropDatabaseAsync(_connectionString);
    }

    [Fact]
    public async Task A_transaction_whose_connection_is_lost_before_the_commit_is_done_again()
    {
        var tries = 0;

        var result = await Transactions.RetryAsync(_ => ++tries < 3 ? throw LostConnection : Task.FromResult(tries), CancellationToken.None);

        result.ShouldBe(3);
    }

    [Fact]
    public async Task A_transaction_that_may_have_been_committed_is_not_done_again()
    {
        var tries = 0;

        var thrown = await Should.ThrowAsync<NpgsqlException>(() =>
            Transactions.RetryAsync<int>(
                attempt =>
                {
                    tries++;
                    attempt.IsCommitting = true;
                    throw LostConnection;
                },
                CancellationToken.None
            )
        );

        thrown.ShouldBeSameAs(LostConnection);
        tries.ShouldBe(1);
    }

    [Fact]
    public async Task A_connection_that_is_lost_while_it_commits_leaves_the_outcome_to_the_caller()
    {
        await using (var connection = await _database.OpenConnectionAsync())
        {
            // A deferred trigger runs when the commit has been asked for.
            await connection.ExecuteAsync(
                """
                CREATE TABLE entries (entry int);
                CREATE FUNCTION end_session() RETURNS trigger LANGUAGE plpgsql AS
                $$ BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); PERFORM pg_sleep(60); RETURN NULL; END $$;
                CREATE CONSTRAINT TRIGGER ending AFTER INSERT ON entries DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION end_session()
                """,
                CancellationToken.None
            );
        }

        var tries = 0;
        var thrown = await Should.ThrowAsync<NpgsqlException>(() =>
            Transactions.RunAsync(
                _database,
                async (connection, cancellation) =>
                {
                    tries++;
                    return await connection.ExecuteAsync("INSERT INTO entries VALUES (1)", cancellation);
                },
                CancellationToken.None
            )
        );

        DatabaseErrors.IsLostConnection(thrown).ShouldBeTrue(thrown.ToString());
        tries.ShouldBe(1);
    }
}
