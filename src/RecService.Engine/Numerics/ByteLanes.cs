using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace RecService.Engine.Numerics;

/// <summary>Inner products of bytes, as many at once as a register has floats.</summary>
internal unsafe interface IByteLanes<TVector>
{
    /// <summary>Whether the machine can.</summary>
    static abstract bool IsSupported { get; }

    /// <summary>Adds the products of four bytes each of some vectors with those of a query to whole numbers, and makes them floats.</summary>
    /// <param name="start">What the sums start with.</param>
    /// <param name="query">The query, four bytes after the other: −63 to 63, so that the sum of two products fits into 16 bits.</param>
    /// <param name="vectors">Four unsigned bytes of each vector, one vector after the other; the next four of each 64 bytes on.</param>
    /// <param name="quads">How many times four bytes there are.</param>
    static abstract TVector Dot(int start, int* query, byte* vectors, int quads);
}

/// <summary>For kernels that have no such products.</summary>
internal readonly unsafe struct NoByteLanes<TVector> : IByteLanes<TVector>
{
    public static bool IsSupported => false;

    public static TVector Dot(int start, int* query, byte* vectors, int quads) => throw new NotSupportedException();
}

/// <summary>Registers of 128 bits.</summary>
internal readonly unsafe struct ByteLanes4 : IByteLanes<Vector128<float>>
{
    public static bool IsSupported => Ssse3.IsSupported;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> Dot(int start, int* query, byte* vectors, int quads)
    {
        var sum = Vector128.Create(start);
        for (var quad = 0; quad < quads; quad++, vectors += 64)
        {
            var pairs = Ssse3.MultiplyAddAdjacent(Vector128.Load(vectors), Vector128.Create(query[quad]).AsSByte());
            sum += Sse2.MultiplyAddAdjacent(pairs, Vector128<short>.One);
        }

        return Vector128.ConvertToSingle(sum);
    }
}

/// <summary>Registers of 256 bits.</summary>
internal readonly unsafe struct ByteLanes8 : IByteLanes<Vector256<float>>
{
    public static bool IsSupported => Avx2.IsSupported;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Dot(int start, int* query, byte* vectors, int quads)
    {
        var sum = Vector256.Create(start);
        for (var quad = 0; quad < quads; quad++, vectors += 64)
        {
            var pairs = Avx2.MultiplyAddAdjacent(Vector256.Load(vectors), Vector256.Create(query[quad]).AsSByte());
            sum += Avx2.MultiplyAddAdjacent(pairs, Vector256<short>.One);
        }

        return Vector256.ConvertToSingle(sum);
    }
}

/// <summary>Registers of 512 bits.</summary>
internal readonly unsafe struct ByteLanes16 : IByteLanes<Vector512<float>>
{
    public static bool IsSupported => Avx512BW.IsSupported;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Dot(int start, int* query, byte* vectors, int quads)
    {
        var sum = Vector512.Create(start);
        for (var quad = 0; quad < quads; quad++, vectors += 64)
        {
            var pairs = Avx512BW.MultiplyAddAdjacent(Vector512.Load(vectors), Vector512.Create(query[quad]).AsSByte());
            sum += Avx512BW.MultiplyAddAdjacent(pairs, Vector512<short>.One);
        }

        return Vector512.ConvertToSingle(sum);
    }
}
