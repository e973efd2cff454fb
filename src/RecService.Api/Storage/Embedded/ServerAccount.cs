namespace RecService.Api.Storage.Embedded;

/// <summary>The account that the server runs under: PostgreSQL refuses to run as root, so root steps down to another one.</summary>
internal sealed class ServerAccount
{
    private readonly string? _name;

    private ServerAccount(string? name) => _name = name;

    public static ServerAccount Choose()
    {
        if (!Environment.IsPrivilegedProcess)
        {
            return new(name: null);
        }

        var accounts = File.ReadLines("/etc/passwd").Select(line => line.Split(':')[0]).ToHashSet(StringComparer.Ordinal);
        string[] candidates = ["postgres", "nobody"];
        return new(
            Array.Find(candidates, accounts.Contains)
                ?? throw new StartupException(
                    "The embedded PostgreSQL cannot run as root, and this machine has neither an account 'postgres' nor 'nobody': run the service as another user."
                )
        );
    }

    public string[] Command(params ReadOnlySpan<string> commandLine) =>
        _name is null ? [.. commandLine] : ["setpriv", $"--reuid={_name}", $"--regid={_name}", "--clear-groups", "--", .. commandLine];

    public async Task OwnAsync(string directory, CancellationToken cancellationToken)
    {
        if (_name is null)
        {
            return;
        }

        var owner = await Embedded.Command.RunAsync(["stat", "-c", "%U", directory], cancellationToken);
        if (!string.Equals(owner.Output.Trim(), _name, StringComparison.Ordinal))
        {
            await Embedded.Command.RunCheckedAsync(["chown", "-R", _name, directory], cancellationToken);
        }
    }

    public async Task CheckReachesAsync(string directory, CancellationToken cancellationToken)
    {
        var result = await Embedded.Command.RunAsync(Command("sh", "-c", "cd \"$1\"", "sh", directory), cancellationToken);
        if (result.ExitCode != 0)
        {
            throw new StartupException(
                _name is null
                    ? $"The directory '{directory}' (Database:DataDirectory) cannot be entered: {result.Error.Trim()}"
                    : $"The service runs as root, so its embedded PostgreSQL runs as '{_name}', who cannot reach '{directory}': "
                        + "set Database:DataDirectory to a directory that it can reach, such as /var/lib/recservice."
            );
        }
    }
}
