using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics.X86;

namespace RecService.Engine.Numerics;

/// <summary>Asks the processor to fetch memory that is needed soon; nothing happens where it cannot be asked.</summary>
internal static unsafe class Cache
{
    private const int FloatsPerLine = 16;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Prefetch(float* at)
    {
        if (Sse.IsSupported)
        {
            Sse.Prefetch0(at);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Prefetch(float* at, nuint floats)
    {
        if (Sse.IsSupported)
        {
            for (nuint line = 0; line < floats; line += FloatsPerLine)
            {
                Sse.Prefetch0(at + line);
            }
        }
    }
}
