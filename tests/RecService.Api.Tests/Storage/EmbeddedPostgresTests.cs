using System.Diagnostics;
using System.Globalization;
using Microsoft.Extensions.Logging.Abstractions;
using Npgsql;
using RecService.Api.Storage;
using RecService.Api.Storage.Embedded;
using RecService.Api.Tests.Fixtures;

namespace RecService.Api.Tests.Storage;

public sealed class EmbeddedPostgresTests : IDisposable
{
    private readonly string _directory = TemporaryDirectory.NewPath();

    [Fact]
    public async Task Data_persists_between_starts_and_nothing_is_left_running()
    {
        await using (var first = New())
        {
            await first.StartAsync(CancellationToken.None);
            await ExecuteAsync(first.Settings, "CREATE TABLE kept AS SELECT 42 AS answer");
            Processes(_directory).ShouldNotBeEmpty();
        }

        Processes(_directory).ShouldBeEmpty();
        await using var second = New();
        await second.StartAsync(CancellationToken.None);
        (await ExecuteAsync(second.Settings, "SELECT answer FROM kept")).ShouldBe(42);
        (
            await ExecuteAsync(
                second.Settings,
                "SELECT current_setting('fsync') || current_setting('data_checksums') || current_setting('listen_addresses')"
            )
        ).ShouldBe("onon");
    }

    [Fact]
    public async Task A_second_instance_on_the_same_directory_gets_a_clear_error()
    {
        await using var first = New();
        await first.StartAsync(CancellationToken.None);
        await using var second = New();
        var exception = await Should.ThrowAsync<StartupException>(() => second.StartAsync(CancellationToken.None));
        exception.Message.ShouldContain("Another instance");
        (await ExecuteAsync(first.Settings, "SELECT 1")).ShouldBe(1);
    }

    [Fact]
    public async Task A_data_directory_with_a_long_path_works_and_leaves_no_socket_directory()
    {
        var settings = Settings(Path.Combine(_directory, new string('d', 100)));
        await using (var server = new EmbeddedPostgres(settings, NullLogger<EmbeddedPostgres>.Instance))
        {
            await server.StartAsync(CancellationToken.None);
            (await ExecuteAsync(settings, "SELECT 1")).ShouldBe(1);
        }

        Directory.Exists(settings.SocketDirectory).ShouldBeFalse();
    }

    [Fact]
    public async Task A_directory_with_other_files_is_left_alone()
    {
        Directory.CreateDirectory(_directory);
        await File.WriteAllTextAsync(Path.Combine(_directory, "thesis.txt"), "years of work");
        await using var server = New();
        (await Should.ThrowAsync<StartupException>(() => server.StartAsync(CancellationToken.None))).Message.ShouldContain("other files");
        Directory.GetFileSystemEntries(_directory).ShouldHaveSingleItem();
    }

    [Fact]
    public async Task An_interrupted_first_start_is_begun_anew()
    {
        Directory.CreateDirectory(Path.Combine(_directory, "pgdata-new-unfinished"));
        await File.WriteAllTextAsync(Path.Combine(_directory, "recservice.lock"), "");
        await using var server = New();
        await server.StartAsync(CancellationToken.None);
        Directory.GetDirectories(_directory, "pgdata-new-*").ShouldBeEmpty();
    }

    [Fact]
    public async Task Missing_server_programs_are_told_in_a_sentence()
    {
        var settings = Settings(_directory) with { BinDirectory = "/nonexistent" };
        await using var server = new EmbeddedPostgres(settings, NullLogger<EmbeddedPostgres>.Instance);
        var exception = await Should.ThrowAsync<StartupException>(() => server.StartAsync(CancellationToken.None));
        exception.Message.ShouldContain("/nonexistent");
        exception.Message.ShouldContain("apt-get install postgresql");
    }

    [Fact]
    public async Task A_directory_that_the_unprivileged_account_cannot_reach_is_told()
    {
        if (OperatingSystem.IsWindows() || !Environment.IsPrivilegedProcess)
        {
            Assert.Skip("Only root runs the server under another account.");
            return;
        }

        var closed = Directory.CreateDirectory(_directory, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        await using var server = new EmbeddedPostgres(Settings(Path.Combine(closed.FullName, "data")), NullLogger<EmbeddedPostgres>.Instance);
        (await Should.ThrowAsync<StartupException>(() => server.StartAsync(CancellationToken.None))).Message.ShouldContain("cannot reach");
    }

    [Fact]
    public async Task The_end_of_the_server_is_noticed()
    {
        await using var server = New();
        await server.StartAsync(CancellationToken.None);
        await KillAsync("KILL", await PostmasterAsync(_directory));
        (await server.Exited.WaitAsync(Backstop.Limit)).ShouldBe(128 + 9);
    }

    [Fact]
    public async Task A_server_whose_supervisor_was_killed_is_stopped_before_the_next_start()
    {
        var first = New();
        await first.StartAsync(CancellationToken.None);
        var postmaster = await PostmasterAsync(_directory);
        var supervisor = Processes("recservice-postgres").Intersect(Processes(_directory)).Except([postmaster]);
        foreach (var id in supervisor)
        {
            await KillAsync("KILL", id);
        }

        await first.Exited.WaitAsync(Backstop.Limit);
        await first.DisposeAsync();
        Processes(_directory).ShouldContain(postmaster);

        await using var second = New();
        await second.StartAsync(CancellationToken.None);
        Processes(_directory).ShouldNotContain(postmaster);
        (await ExecuteAsync(second.Settings, "SELECT 1")).ShouldBe(1);
    }

    public void Dispose()
    {
        if (Directory.Exists(_directory))
        {
            Directory.Delete(_directory, recursive: true);
        }
    }

    internal static List<int> Processes(string text) =>
        [
            .. Directory
                .EnumerateDirectories("/proc")
                .Where(process => int.TryParse(Path.GetFileName(process), CultureInfo.InvariantCulture, out _))
                .Where(process => CommandLine(process).Contains(text, StringComparison.Ordinal))
                .Select(process => int.Parse(Path.GetFileName(process), CultureInfo.InvariantCulture))
                .Where(id => id != Environment.ProcessId),
        ];

    private static string CommandLine(string process)
    {
        try
        {
            return File.ReadAllText(Path.Combine(process, "cmdline"));
        }
        catch (IOException)
        {
            return "";
        }
    }

    private static EmbeddedPostgresSettings Settings(string directory) =>
        EmbeddedPostgresSettings.From(new DatabaseOptions { DataDirectory = directory });

    private static async Task<object?> ExecuteAsync(EmbeddedPostgresSettings settings, string sql)
    {
        await using var connection = new NpgsqlConnection(
            new NpgsqlConnectionStringBuilder(settings.ConnectionStringFor("postgres")) { Pooling = false }.ConnectionString
        );
        await connection.OpenAsync();
        await using var command = new NpgsqlCommand(sql, connection);
        return await command.ExecuteScalarAsync();
    }

    internal static async Task KillAsync(string signal, int process)
    {
        using var kill = Process.Start("kill", ["-s", signal, process.ToString(CultureInfo.InvariantCulture)]);
        await kill.WaitForExitAsync();
    }

    internal static async Task<int> PostmasterAsync(string directory) =>
        int.Parse((await File.ReadAllLinesAsync(Path.Combine(directory, "pgdata", "postmaster.pid")))[0], CultureInfo.InvariantCulture);

    private EmbeddedPostgres New() => new(Settings(_directory), NullLogger<EmbeddedPostgres>.Instance);
}
