using System.Runtime.InteropServices;

namespace RecService.Benchmarks;

/// <summary>Pins the calling thread to processors, on Linux.</summary>
internal static partial class Affinity
{
    /// <summary>Pins the calling thread to one processor.</summary>
    public static void Pin(int processor) => Set(1UL << (processor % Environment.ProcessorCount));

    /// <summary>Allows the calling thread all processors again.</summary>
    public static void Unpin() => Set(ulong.MaxValue >> (64 - Math.Min(64, Environment.ProcessorCount)));

    private static void Set(ulong mask)
    {
        if (OperatingSystem.IsLinux() && SetAffinity(0, sizeof(ulong), ref mask) != 0)
        {
            throw new InvalidOperationException($"The thread could not be pinned (error {Marshal.GetLastPInvokeError()}).");
        }
    }

    [LibraryImport("libc", EntryPoint = "sched_setaffinity", SetLastError = true)]
    private static partial int SetAffinity(int thread, nuint size, ref ulong mask);
}
