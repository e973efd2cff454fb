using System.Globalization;
using Npgsql;
using RecService.Api.Storage.Embedded;

namespace RecService.Api.Storage;

/// <summary>
/// What the configuration says about the database. Its checks are stricter than elsewhere: a slip of the pen in a connection string must not start an
/// empty embedded database that looks like lost data.
/// </summary>
internal sealed record DatabaseConfiguration(DatabaseOptions Options, string ConnectionString, EmbeddedPostgresSettings? Embedded)
{
    private const string ConnectionStringsSection = "ConnectionStrings";
    private const string ConnectionName = "RecService";
    private const string EmbeddedKey = $"{DatabaseOptions.Section}:{nameof(DatabaseOptions.Embedded)}";
    /// <summary>The setting with the connection string.</summary>
    public const string ConnectionKey = $"{ConnectionStringsSection}:{ConnectionName}";

    private const int ConnectSeconds = 5;
    private const int KeepAliveMilliseconds = 10_000;

    private static readonly string[] OptionNames =
    [
        nameof(DatabaseOptions.Embedded),
        nameof(DatabaseOptions.DataDirectory),
        nameof(DatabaseOptions.BinDirectory),
        nameof(DatabaseOptions.StartupTimeout),
        nameof(DatabaseOptions.ScoringTimeout),
        nameof(DatabaseOptions.CommandTimeout),
        nameof(DatabaseOptions.LockTimeout),
        nameof(DatabaseOptions.Migrate),
    ];

    public static DatabaseConfiguration Read(IConfiguration configuration, bool isDevelopment)
    {
        RejectNearMisses(configuration);
        RejectUnknownConnections(configuration);
        var options = ReadOptions(configuration.GetSection(DatabaseOptions.Section));
        if (configuration[ConnectionKey] is { } connectionString)
        {
            if (options.Embedded is true)
            {
                throw new StartupException(
                    $"'{EmbeddedKey}' asks for the embedded PostgreSQL and '{ConnectionKey}' for another one; remove one of them."
                );
            }

            return new(options, CheckConnectionString(connectionString, options), Embedded: null);
        }

        if (!(options.Embedded ?? isDevelopment))
        {
            throw new StartupException(
                $"There is no connection string ('{ConnectionKey}'), and '{EmbeddedKey}' is not true. Set the one for a PostgreSQL of your own, the other for an embedded one."
            );
        }

        var embedded = EmbeddedPostgresSettings.From(options);
        return new(
            options,
            new NpgsqlConnectionStringBuilder(embedded.ConnectionString) { CommandTimeout = Seconds(options.CommandTimeout) }.ConnectionString,
            embedded
        );
    }

    private static void RejectNearMisses(IConfiguration configuration)
    {
        foreach (var section in configuration.GetChildren())
        {
            if (IsNearMiss(section.Key))
            {
                throw new StartupException($"The configuration key '{section.Key}' is not known; the connection string's key is '{ConnectionKey}'.");
            }
        }
    }

    private static bool IsNearMiss(string key)
    {
        if (key.Equals(ConnectionStringsSection, StringComparison.OrdinalIgnoreCase))
        {
            return false;
        }

        var letters = string.Concat(key.Where(char.IsAsciiLetter)).ToLowerInvariant();
        return letters.StartsWith("connectionstring", StringComparison.Ordinal)
            || letters.StartsWith("recserviceconnection", StringComparison.Ordinal)
            || EditDistance(letters, "connectionstrings") <= 3
            || EditDistance(letters, "connectionstringsrecservice") <= 3;
    }

    private static void RejectUnknownConnections(IConfiguration configuration)
    {
        var section = configuration.GetSection(ConnectionStringsSection);
        if (!string.IsNullOrEmpty(section.Value))
        {
            throw new StartupException($"The configuration key '{section.Path}' holds a value; the connection string's key is '{ConnectionKey}'.");
        }

        foreach (var child in section.GetChildren())
        {
            if (!child.Key.Equals(ConnectionName, StringComparison.OrdinalIgnoreCase) || child.GetChildren().Any())
            {
                throw new StartupException($"The configuration key '{child.Path}' is not known; the connection string's key is '{ConnectionKey}'.");
            }
        }
    }

    private static DatabaseOptions ReadOptions(IConfigurationSection section)
    {
        if (!string.IsNullOrEmpty(section.Value))
        {
            throw new StartupException($"The configuration key '{section.Path}' holds a value; the connection string's key is '{ConnectionKey}'.");
        }

        foreach (var child in section.GetChildren())
        {
            if (!OptionNames.Contains(child.Key, StringComparer.OrdinalIgnoreCase) || child.GetChildren().Any())
            {
                throw new StartupException(
                    $"The configuration key '{child.Path}' is not known; below '{section.Path}' there are {string.Join(", ", OptionNames)}, "
                        + $"and the connection string's key is '{ConnectionKey}'."
                );
            }

            if (string.IsNullOrWhiteSpace(child.Value))
            {
                throw new StartupException($"The configuration key '{child.Path}' is blank.");
            }
        }

        // Parsed by hand, as the binder's errors would quote its own plumbing.
        var options = new DatabaseOptions { BinDirectory = section[nameof(DatabaseOptions.BinDirectory)] };
        options.Embedded = ReadBoolean(section, nameof(DatabaseOptions.Embedded));
        options.Migrate = ReadBoolean(section, nameof(DatabaseOptions.Migrate)) ?? options.Migrate;
        options.StartupTimeout = ReadTime(section, nameof(DatabaseOptions.StartupTimeout)) ?? options.StartupTimeout;
        options.ScoringTimeout = ReadTime(section, nameof(DatabaseOptions.ScoringTimeout)) ?? options.ScoringTimeout;
        options.CommandTimeout = ReadTime(section, nameof(DatabaseOptions.CommandTimeout)) ?? options.CommandTimeout;
        options.LockTimeout = ReadTime(section, nameof(DatabaseOptions.LockTimeout)) ?? options.LockTimeout;

        if (section[nameof(DatabaseOptions.DataDirectory)] is { } directory)
        {
            options.DataDirectory = directory;
        }

        return options;
    }

    private static bool? ReadBoolean(IConfigurationSection section, string name) =>
        section[name] is not { } text ? null
        : bool.TryParse(text, out var value) ? value
        : throw new StartupException($"The configuration key '{section.Path}:{name}' is neither true nor false.");

    private static TimeSpan? ReadTime(IConfigurationSection section, string name) =>
        section[name] is not { } text ? null
        : TimeSpan.TryParse(text, CultureInfo.InvariantCulture, out var value) && value >= TimeSpan.Zero && value <= TimeSpan.FromDays(1) ? value
        : throw new StartupException($"The configuration key '{section.Path}:{name}' is no time between 0 and 1 day, such as 00:00:30.");

    private static string CheckConnectionString(string connectionString, DatabaseOptions options)
    {
        if (string.IsNullOrWhiteSpace(connectionString))
        {
            throw new StartupException(
                $"The configuration key '{ConnectionKey}' is blank; give it a connection string, or remove it and set '{EmbeddedKey}' to use the embedded PostgreSQL."
            );
        }

        NpgsqlConnectionStringBuilder builder;
        try
        {
            builder = new NpgsqlConnectionStringBuilder(connectionString);
        }
        catch (Exception exception) when (exception is ArgumentException or FormatException or InvalidCastException or OverflowException)
        {
            throw new StartupException($"The connection string in '{ConnectionKey}' cannot be read: {exception.Message}", exception);
        }

        if (string.IsNullOrWhiteSpace(builder.Host))
        {
            throw new StartupException($"The connection string in '{ConnectionKey}' names no Host.");
        }

        // Server messages with details quote rows, parameters are ids of users: neither may get into a log.
        if (builder.IncludeErrorDetail || builder.LogParameters)
        {
            throw new StartupException(
                $"The connection string in '{ConnectionKey}' asks for 'Include Error Detail' or 'Log Parameters', which write personal data to the log."
            );
        }

        builder.ApplicationName ??= "recservice";

        // A host that is silent would be waited for for a quarter of a minute.
        if (!builder.ShouldSerialize(nameof(builder.Timeout)))
        {
            builder.Timeout = ConnectSeconds;
        }

        if (builder.ShouldSerialize("Command Timeout"))
        {
            options.CommandTimeout = TimeSpan.FromSeconds(builder.CommandTimeout);
        }
        else
        {
            builder.CommandTimeout = Seconds(options.CommandTimeout);
        }

        // Statements of bulk work wait for ever, but should end when the server's machine is gone. Sockets of this machine know no such options.
        if (!builder.ShouldSerialize("TCP Keepalive") && builder.Host[0] is not ('/' or '@'))
        {
            builder.TcpKeepAlive = true;
            builder.TcpKeepAliveTime = KeepAliveMilliseconds;
            builder.TcpKeepAliveInterval = KeepAliveMilliseconds;
        }

        return builder.ConnectionString;
    }

    private static int Seconds(TimeSpan time) => (int)Math.Ceiling(time.TotalSeconds);

    private static int EditDistance(string left, string right)
    {
        var row = Enumerable.Range(0, right.Length + 1).ToArray();
        for (var i = 1; i <= left.Length; i++)
        {
            var diagonal = row[0];
            row[0] = i;
            for (var j = 1; j <= right.Length; j++)
            {
                var above = row[j];
                row[j] = Math.Min(Math.Min(above, row[j - 1]) + 1, diagonal + (left[i - 1] == right[j - 1] ? 0 : 1));
                diagonal = above;
            }
        }

        return row[^1];
    }
}
