using System.Security.Cryptography;
using System.Text;
using Npgsql;

namespace RecService.Api.Storage.Embedded;

/// <summary>Where the embedded PostgreSQL lives. The connection string is known before the server runs.</summary>
internal sealed record EmbeddedPostgresSettings(string DataDirectory, string? BinDirectory, string SocketDirectory)
{
    public const string UserName = "recservice";

    public const string DatabaseName = "recservice";

    // sun_path holds 108 bytes with the terminating zero, and PostgreSQL appends its file name to the directory.
    private const int SocketPathLimit = 107;
    private const string SocketFile = "/.s.PGSQL.5432";

    /// <summary>Settings of the server in addition to the usual ones, as <c>name=value</c>.</summary>
    public IReadOnlyList<string> ServerSettings { get; init; } = [];

    public string PgData => Path.Combine(DataDirectory, "pgdata");

    /// <summary>What is to be removed when the server has ended; empty: nothing.</summary>
    public string TemporaryDirectory => SocketDirectory.StartsWith(DataDirectory, StringComparison.Ordinal) ? "" : SocketDirectory;

    public string LogFile => Path.Combine(DataDirectory, "postgres.log");

    public string ConnectionString => ConnectionStringFor(DatabaseName);

    public static EmbeddedPostgresSettings From(DatabaseOptions options)
    {
        var directory = Path.GetFullPath(options.DataDirectory);
        var socketDirectory = Path.Combine(directory, "socket");
        if (Encoding.UTF8.GetByteCount(socketDirectory + SocketFile) > SocketPathLimit)
        {
            socketDirectory = $"/tmp/recservice-{Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(8))}";
        }

        return new(directory, options.BinDirectory, socketDirectory);
    }

    public string ConnectionStringFor(string database) =>
        new NpgsqlConnectionStringBuilder
        {
            Host = SocketDirectory,
            Port = 5432,
            Username = UserName,
            Database = database,
            ApplicationName = "recservice",
            // The server has 100: some are for dumps, for psql, and for another process of the service.
            MaxPoolSize = 80,
        }.ConnectionString;
}
