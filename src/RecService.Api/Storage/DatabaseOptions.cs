namespace RecService.Api.Storage;

/// <summary>The configuration section <c>Database</c>.</summary>
internal sealed class DatabaseOptions
{
    public const string Section = "Database";

    /// <summary>Whether the service starts a PostgreSQL of its own; absent: in Development, when there is no connection string.</summary>
    public bool? Embedded { get; set; }

    /// <summary>Where the embedded PostgreSQL keeps its data.</summary>
    public string DataDirectory { get; set; } = DefaultDataDirectory();

    /// <summary>Where the PostgreSQL server's programs are; empty: they are looked for.</summary>
    public string? BinDirectory { get; set; }

    /// <summary>How long the start waits for a database that cannot be reached yet, and a migration for locks.</summary>
    public TimeSpan StartupTimeout { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>How long a request that scores waits for the database before it is answered from the snapshot.</summary>
    public TimeSpan ScoringTimeout { get; set; } = TimeSpan.FromSeconds(1);

    /// <summary>
    /// How long a statement may take, and the storing of a batch of interactions, before the database counts as away; 0: any time. Not for bulk work,
    /// which takes as long as it takes. A <c>Command Timeout</c> of the connection string takes its place.
    /// </summary>
    public TimeSpan CommandTimeout { get; set; } = TimeSpan.FromSeconds(15);

    /// <summary>
    /// How long a migration waits for a lock, with everybody else's statements waiting behind it, before it steps back and tries again; 0: any time.
    /// </summary>
    public TimeSpan LockTimeout { get; set; } = TimeSpan.FromSeconds(5);

    /// <summary>Whether the start brings the schema up to date; false: it waits until the command <c>migrate</c> has done so.</summary>
    public bool Migrate { get; set; } = true;

    private static string DefaultDataDirectory()
    {
        if (Environment.IsPrivilegedProcess)
        {
            return "/var/lib/recservice";
        }

        var dataHome = Environment.GetEnvironmentVariable("XDG_DATA_HOME");
        return Path.IsPathRooted(dataHome)
            ? Path.Combine(dataHome, "recservice")
            : Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".local", "share", "recservice");
    }
}
