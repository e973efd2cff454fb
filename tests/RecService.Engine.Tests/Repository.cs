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

    /// <summary>A folder of the data that may lie beside the repository; null when it does not.</summary>
    public static string? SharedData(string name) =>
        Path.GetDirectoryName(Root) is { } parent && Path.Combine(parent, "shared", "data", name) is var folder && Directory.Exists(folder)
            ? folder
            : null;
}
