namespace RecService.Api.Tests.Fixtures;

/// <summary>Paths for data directories, which other accounts must be able to reach: when tests run as root, PostgreSQL does not.</summary>
public static class TemporaryDirectory
{
    public static string NewPath() => Path.Combine(Path.GetTempPath(), $"recservice-test-{Guid.NewGuid():N}"[..32]);
}
