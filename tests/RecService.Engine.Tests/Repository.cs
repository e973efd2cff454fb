namespace RecService.Engine.Tests;

internal static class Repository
{
    /// <summary>The folder of the solution; null when the tests run elsewhere.</summary>
    public static string? Root
    {
        get
        {
            var directory = new DirectoryInfo(AppContext.BaseDirectory);
            while (directory is not null && !File.Exists(Path.Combine(directory.FullName, "RecService.sln")))
            {
                directory = directory.Parent;
            }

            return directory?.FullName;
        }
    }
}
