using System.IO.Compression;
using RecService.Cli.Commands;

namespace RecService.Cli.Files;

/// <summary>
/// A file to write, compressed where its name ends with <c>.gz</c>. It is made beside its place and put there once it is complete, so that a command
/// that fails leaves
/// what was there; devices and pipes are written as they are. Opened before the work that makes its content, so that what cannot be written is known
/// before.
/// </summary>
internal sealed class OutputFile : IDisposable
{
    private const string Compressed = ".gz";
    private const string Devices = "/dev/";
    private const string SharedMemory = "/dev/shm/";

    private readonly string _path;
    private readonly string _place;
    private readonly FileStream _file;
    private bool _isComplete;

    private OutputFile(string path, string place, FileStream file)
    {
        _path = path;
        _place = place;
        _file = file;
    }

    private bool IsBesideItsPlace => _file.Name != _place;

    /// <exception cref="CommandFailedException">It is a folder, or in none.</exception>
    public static OutputFile Open(string path)
    {
        var place = Path.GetFullPath(path);
        if (Directory.Exists(place))
        {
            throw new CommandFailedException($"{path} is a folder; a file is to be written there");
        }

        if (Path.GetDirectoryName(place) is { } folder && !Directory.Exists(folder))
        {
            throw new CommandFailedException($"there is no folder {folder} for {path}");
        }

        // A link stays, and a device behind it, too.
        if (!IsDevice(place) && new FileInfo(place).LinkTarget is not null)
        {
            place = File.ResolveLinkTarget(place, returnFinalTarget: true)!.FullName;
        }

        if (IsDevice(place))
        {
            return new(path, place, OpenAsItIs(place));
        }

        if (!File.Exists(place))
        {
            return new(path, place, CreateBeside(place));
        }

        var file = OpenAsItIs(place);
        if (!file.CanSeek)
        {
            return new(path, place, file);
        }

        file.Dispose();
        file = CreateBeside(place);
        if (!OperatingSystem.IsWindows())
        {
            File.SetUnixFileMode(file.SafeFileHandle, File.GetUnixFileMode(place));
        }

        return new(path, place, file);
    }

    /// <summary>Opens a file if there is to be one.</summary>
    public static OutputFile? OpenIfGiven(string? path) => path is null ? null : Open(path);

    /// <summary>Refuses to write two files to one place.</summary>
    public static void CheckApart(OutputFile? first, OutputFile? second, string names)
    {
        if (first is { IsBesideItsPlace: true } && first._place == second?._place)
        {
            throw new CommandFailedException($"{names} are the same file, {second._path}");
        }
    }

    /// <summary>The extension in lower case, that of what is compressed included.</summary>
    public static string ExtensionOf(string path)
    {
        var name = path.ToLowerInvariant();
        return Path.GetExtension(name.EndsWith(Compressed, StringComparison.Ordinal) ? name[..^Compressed.Length] : name);
    }

    /// <summary>Writes the content, once, and puts the file in its place.</summary>
    public void Write(Action<Stream> write)
    {
        using (
            Stream content = _path.EndsWith(Compressed, StringComparison.OrdinalIgnoreCase) ? new GZipStream(_file, CompressionLevel.Fastest) : _file
        )
        {
            write(content);
        }

        if (IsBesideItsPlace)
        {
            File.Move(_file.Name, _place, overwrite: true);
        }

        _isComplete = true;
    }

    public void Dispose()
    {
        _file.Dispose();
        if (IsBesideItsPlace && !_isComplete)
        {
            File.Delete(_file.Name);
        }
    }

    private static bool IsDevice(string place) =>
        place.StartsWith(Devices, StringComparison.Ordinal) && !place.StartsWith(SharedMemory, StringComparison.Ordinal);

    /// <summary>Without the lock that would keep others from a device.</summary>
    private static FileStream OpenAsItIs(string place) => new(place, FileMode.Open, FileAccess.Write, FileShare.ReadWrite);

    private static FileStream CreateBeside(string place) => new($"{place}.{Path.GetRandomFileName()}", FileMode.CreateNew, FileAccess.Write);
}
