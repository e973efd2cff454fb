using System.Net.Sockets;
using Npgsql;
using RecService.Api.Storage;

namespace RecService.Api.Tests.Storage;

public sealed class DatabaseErrorTests
{
    [Theory]
    [InlineData("08006", true)]
    [InlineData("57P01", true)]
    [InlineData("57P03", true)]
    [InlineData("53100", false)]
    [InlineData("28000", false)]
    [InlineData("3D000", false)]
    public void Of_what_the_server_says_a_broken_connection_and_a_server_that_stops_lose_the_transaction(string state, bool isLost)
    {
        var exception = new PostgresException("", "FATAL", "FATAL", state);

        DatabaseErrors.IsAway(exception).ShouldBeTrue();
        DatabaseErrors.IsLostConnection(exception).ShouldBe(isLost);
        DatabaseErrors.IsLostConnection(new InvalidOperationException("", exception)).ShouldBe(isLost, "EF Core wraps what it finds transient");
    }

    [Theory]
    [InlineData("23505")]
    [InlineData("42P01")]
    [InlineData("22P02")]
    public void Errors_of_the_request_are_none_of_the_moment(string state) =>
        DatabaseErrors.IsAway(new PostgresException("", "ERROR", "ERROR", state)).ShouldBeFalse();

    [Fact]
    public void A_connection_that_breaks_or_cannot_be_opened_is_lost()
    {
        DatabaseErrors.IsLostConnection(new NpgsqlException("", new IOException())).ShouldBeTrue();
        DatabaseErrors.IsLostConnection(new SocketException()).ShouldBeTrue();
        DatabaseErrors.IsLostConnection(new NpgsqlException("")).ShouldBeFalse();
        DatabaseErrors.IsLostConnection(new InvalidOperationException()).ShouldBeFalse();
    }
}
