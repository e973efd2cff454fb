using Microsoft.Extensions.Configuration;
using Npgsql;
using RecService.Api.Storage;

namespace RecService.Api.Tests.Storage;

public sealed class DatabaseConfigurationTests
{
    private const string Good = "Host=db;Username=u;Password=secret";

    [Fact]
    public void Outside_Development_the_embedded_database_has_to_be_asked_for()
    {
        var message = Should.Throw<StartupException>(() => Read(isDevelopment: false)).Message;
        message.ShouldContain("Database:Embedded");
        message.ShouldContain("ConnectionStrings:RecService");
        Should.Throw<StartupException>(() => Read(isDevelopment: false, ("Database:Embedded", "false"))).Message.ShouldContain("Database:Embedded");
        Read(isDevelopment: false, ("Database:Embedded", "true")).Embedded.ShouldNotBeNull();
        Read(isDevelopment: false, ("ConnectionStrings:RecService", Good)).Embedded.ShouldBeNull();
    }

    [Fact]
    public void A_connection_string_and_an_embedded_database_are_a_contradiction() =>
        Should
            .Throw<StartupException>(() => Read(("Database:Embedded", "true"), ("ConnectionStrings:RecService", Good)))
            .Message.ShouldContain("Database:Embedded");

    [Fact]
    public void In_Development_without_a_connection_string_the_database_is_embedded()
    {
        var configuration = Read();
        configuration.Embedded.ShouldNotBeNull();
        configuration.Options.StartupTimeout.ShouldBe(TimeSpan.FromSeconds(30));
    }

    [Fact]
    public void With_a_connection_string_nothing_is_embedded()
    {
        var configuration = Read(
            ("ConnectionStrings:RecService", Good),
            ("Database:StartupTimeout", "00:00:05"),
            ("Database:DataDirectory", "/data")
        );
        configuration.Embedded.ShouldBeNull();
        configuration.ConnectionString.ShouldContain("Host=db");
        configuration.Options.StartupTimeout.ShouldBe(TimeSpan.FromSeconds(5));
    }

    [Fact]
    public void A_connection_string_may_be_named_in_any_case() => Read(("CONNECTIONSTRINGS:RECSERVICE", Good)).Embedded.ShouldBeNull();

    [Theory]
    [InlineData("ConnectionStrings:RecService", "")]
    [InlineData("ConnectionStrings:RecService", "   ")]
    [InlineData("ConnectionStrings:RecService", "nonsense")]
    [InlineData("ConnectionStrings:RecService", "Hots=db;Username=u")]
    [InlineData("ConnectionStrings:RecService", "Host=db;Port=many")]
    [InlineData("ConnectionStrings:RecService", "Username=u")]
    [InlineData("ConnectionStrings:RecService:Host", "db")]
    [InlineData("ConnectionStrings:RecServce", Good)]
    [InlineData("ConnectionStrings:Default", Good)]
    [InlineData("ConnectionStrings", Good)]
    [InlineData("ConnectionString", Good)]
    [InlineData("ConnectionString:RecService", Good)]
    [InlineData("ConectionStrings:RecService", Good)]
    [InlineData("ConnectionStrings_RecService", Good)]
    [InlineData("CONNECTION_STRING", Good)]
    [InlineData("RecServiceConnectionString", Good)]
    [InlineData("Database", Good)]
    [InlineData("Database:ConnectionString", Good)]
    [InlineData("Database:DataDir", "/data")]
    [InlineData("Database:DataDirectory", "")]
    [InlineData("Database:Embedded", "yes")]
    [InlineData("Database:StartupTimeout", "soon")]
    [InlineData("Database:StartupTimeout", "-00:00:01")]
    public void A_slip_of_the_pen_stops_the_start_and_names_the_key(string key, string value)
    {
        var exception = Should.Throw<StartupException>(() => Read((key, value)));
        exception.Message.ShouldContain(
            key.StartsWith("ConnectionStrings:RecService", StringComparison.Ordinal) ? "ConnectionStrings:RecService" : key.Split(':')[0]
        );
        exception.Message.ShouldNotContain("secret");
    }

    [Fact]
    public void Keys_of_other_things_are_left_alone() =>
        Read(("Connection", "close"), ("Strings", "x"), ("PATH", "/bin"), ("DATABASE_URL", "x"), ("Logging:LogLevel:Default", "Warning"))
            .Embedded.ShouldNotBeNull();

    [Fact]
    public void A_data_directory_too_long_for_a_socket_gets_a_short_one_for_it()
    {
        var configuration = Read(("Database:DataDirectory", "/" + new string('d', 120)));
        configuration.Embedded!.SocketDirectory.ShouldStartWith("/tmp/");
        configuration.Embedded.TemporaryDirectory.ShouldBe(configuration.Embedded.SocketDirectory);
        configuration.ConnectionString.ShouldContain(configuration.Embedded.SocketDirectory);
        Read(("Database:DataDirectory", "/short")).Embedded!.SocketDirectory.ShouldBe("/short/socket");
    }

    [Fact]
    public void The_limit_of_statements_is_that_of_the_connection_string_else_that_of_the_settings()
    {
        var given = Read(("ConnectionStrings:RecService", $"{Good};Command Timeout=7"), ("Database:CommandTimeout", "00:00:09"));
        new NpgsqlConnectionStringBuilder(given.ConnectionString).CommandTimeout.ShouldBe(7);
        given.Options.CommandTimeout.ShouldBe(TimeSpan.FromSeconds(7));
        new NpgsqlConnectionStringBuilder(
            Read(("ConnectionStrings:RecService", Good), ("Database:CommandTimeout", "00:00:09")).ConnectionString
        ).CommandTimeout.ShouldBe(9);
        new NpgsqlConnectionStringBuilder(Read(("Database:CommandTimeout", "00:00:09")).ConnectionString).CommandTimeout.ShouldBe(9);
    }

    [Fact]
    public void A_server_elsewhere_is_asked_whether_it_is_still_there_unless_the_connection_string_says_otherwise()
    {
        new NpgsqlConnectionStringBuilder(Read(("ConnectionStrings:RecService", Good)).ConnectionString).TcpKeepAlive.ShouldBeTrue();
        new NpgsqlConnectionStringBuilder(
            Read(("ConnectionStrings:RecService", $"{Good};TCP Keepalive=false")).ConnectionString
        ).TcpKeepAlive.ShouldBeFalse();
        new NpgsqlConnectionStringBuilder(
            Read(("ConnectionStrings:RecService", "Host=/run/postgresql;Username=u")).ConnectionString
        ).TcpKeepAlive.ShouldBeFalse();
    }

    private static DatabaseConfiguration Read(params (string Key, string? Value)[] settings) => Read(isDevelopment: true, settings);

    private static DatabaseConfiguration Read(bool isDevelopment, params (string Key, string? Value)[] settings) =>
        DatabaseConfiguration.Read(
            new ConfigurationBuilder().AddInMemoryCollection(settings.Select(setting => KeyValuePair.Create(setting.Key, setting.Value))).Build(),
            isDevelopment
        );
}
