using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using RecService.Engine.Numerics;

namespace RecService.Benchmarks;

/// <summary>What the memory of the machine allows: what no training and no ranking can be faster than.</summary>
internal static unsafe class MemoryFloor
{
    /// <summary>Reads numbers once, a multiple of 64 of them, and does nothing else.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static float Read(NativeArray<float> numbers)
    {
        var (a, b, c, d) = (Vector512<float>.Zero, Vector512<float>.Zero, Vector512<float>.Zero, Vector512<float>.Zero);
        for (nuint at = 0; at < numbers.Length; at += 64)
        {
            a += Vector512.Load(numbers.Pointer + at);
            b += Vector512.Load(numbers.Pointer + at + 16);
            c += Vector512.Load(numbers.Pointer + at + 32);
            d += Vector512.Load(numbers.Pointer + at + 48);
        }

        return Vector512.Sum(a + b + c + d);
    }

    /// <summary>Training: reading, changing and writing the parameters of each row once.</summary>
    /// <param name="rows">width columns a row, and as many more rows as are read ahead.</param>
    /// <param name="count">Number of rows.</param>
    /// <param name="width">Columns of a row.</param>
    /// <param name="factors">A block of floats for each column.</param>
    /// <param name="block">Floats of a block, a multiple of 16.</param>
    /// <param name="weights">Two floats for each column.</param>
    /// <param name="ahead">How many rows ahead memory is fetched; 0 for not at all.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Touch(int* rows, int count, int width, float* factors, int block, float* weights, int ahead)
    {
        var step = Vector512.Create(1e-9f);
        for (var n = 0; n < count; n++, rows += width)
        {
            if (ahead > 0 && Sse.IsSupported)
            {
                for (var e = ahead * width; e < (ahead + 1) * width; e++)
                {
                    for (var line = 0; line < block; line += 16)
                    {
                        Sse.Prefetch0(factors + ((long)block * rows[e]) + line);
                    }

                    Sse.Prefetch0(weights + (2L * rows[e]));
                }
            }

            for (var e = 0; e < width; e++)
            {
                var at = factors + ((long)block * rows[e]);
                for (var line = 0; line < block; line += 16)
                {
                    (Vector512.Load(at + line) + step).Store(at + line);
                }

                *(long*)(weights + (2L * rows[e])) += 1;
            }
        }
    }
}
