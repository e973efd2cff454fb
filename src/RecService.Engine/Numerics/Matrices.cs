using System.Runtime.CompilerServices;

namespace RecService.Engine.Numerics;

/// <summary>
/// Products of small dense matrices, by tiles that stay in registers: with 32 registers of 16 floats, 4 × 64 sums, to which each step adds the products of 4
/// numbers of A and 64 of B.
/// </summary>
internal static unsafe class Matrices<TVector, TLanes>
    where TLanes : ILanes<TVector>
{
    /// <summary>Rows of B that are gone through before the next: what they hold of a tile stays in the nearest cache.</summary>
    private const int Depth = 256;

    /// <summary>C = A · B, or C += A · B.</summary>
    /// <param name="m">Rows of A and C.</param>
    /// <param name="n">Columns of B and C, a multiple of the register's width.</param>
    /// <param name="p">Columns of A, rows of B.</param>
    /// <param name="a">A.</param>
    /// <param name="aRow">Floats from one row of A to the next.</param>
    /// <param name="aColumn">Floats from one column of A to the next.</param>
    /// <param name="b">B, whose columns lie side by side.</param>
    /// <param name="bRow">Floats from one row of B to the next.</param>
    /// <param name="c">C, likewise.</param>
    /// <param name="cRow">Floats from one row of C to the next.</param>
    /// <param name="add">Whether C has something already.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Multiply(int m, int n, int p, float* a, nint aRow, nint aColumn, float* b, nint bRow, float* c, nint cRow, bool add)
    {
        if (p == 0 && !add)
        {
            for (var row = 0; row < m; row++)
            {
                new Span<float>(c + (row * cRow), n).Clear();
            }
        }

        for (var from = 0; from < p; from += Depth)
        {
            var depth = Math.Min(Depth, p - from);
            Panels(m, n, depth, a + (from * aColumn), aRow, aColumn, b + (from * bRow), bRow, c, cRow, add || from > 0);
        }
    }

    private static void Panels(int m, int n, int p, float* a, nint aRow, nint aColumn, float* b, nint bRow, float* c, nint cRow, bool add)
    {
        var column = 0;
        // Narrower registers are fewer, too.
        for (; TLanes.Width == 16 && column + (4 * TLanes.Width) <= n; column += 4 * TLanes.Width)
        {
            var row = 0;
            for (; row + 4 <= m; row += 4)
            {
                Tile4By4(p, a + (row * aRow), aRow, aColumn, b + column, bRow, c + (row * cRow) + column, cRow, add);
            }

            for (; row < m; row++)
            {
                Tile1By4(p, a + (row * aRow), aColumn, b + column, bRow, c + (row * cRow) + column, add);
            }
        }

        for (; column + (2 * TLanes.Width) <= n; column += 2 * TLanes.Width)
        {
            var row = 0;
            for (; row + 4 <= m; row += 4)
            {
                Tile4By2(p, a + (row * aRow), aRow, aColumn, b + column, bRow, c + (row * cRow) + column, cRow, add);
            }

            for (; row < m; row++)
            {
                Tile1By1(p, a + (row * aRow), aColumn, b + column, bRow, c + (row * cRow) + column, add);
                Tile1By1(p, a + (row * aRow), aColumn, b + column + TLanes.Width, bRow, c + (row * cRow) + column + TLanes.Width, add);
            }
        }

        for (; column < n; column += TLanes.Width)
        {
            var row = 0;
            for (; row + 4 <= m; row += 4)
            {
                Tile4By1(p, a + (row * aRow), aRow, aColumn, b + column, bRow, c + (row * cRow) + column, cRow, add);
            }

            for (; row < m; row++)
            {
                Tile1By1(p, a + (row * aRow), aColumn, b + column, bRow, c + (row * cRow) + column, add);
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Tile4By4(int p, float* a, nint aRow, nint aColumn, float* b, nint bRow, float* c, nint cRow, bool add)
    {
        TVector c00 = TLanes.Zero, c01 = TLanes.Zero, c02 = TLanes.Zero, c03 = TLanes.Zero;
        TVector c10 = TLanes.Zero, c11 = TLanes.Zero, c12 = TLanes.Zero, c13 = TLanes.Zero;
        TVector c20 = TLanes.Zero, c21 = TLanes.Zero, c22 = TLanes.Zero, c23 = TLanes.Zero;
        TVector c30 = TLanes.Zero, c31 = TLanes.Zero, c32 = TLanes.Zero, c33 = TLanes.Zero;
        float* a1 = a + aRow, a2 = a1 + aRow, a3 = a2 + aRow;
        for (var l = 0; l < p; l++, b += bRow, a += aColumn, a1 += aColumn, a2 += aColumn, a3 += aColumn)
        {
            TVector b0 = TLanes.Load(b), b1 = TLanes.Load(b + TLanes.Width);
            TVector b2 = TLanes.Load(b + (2 * TLanes.Width)), b3 = TLanes.Load(b + (3 * TLanes.Width));
            var x = TLanes.Of(*a);
            c00 = TLanes.MultiplyAdd(x, b0, c00);
            c01 = TLanes.MultiplyAdd(x, b1, c01);
            c02 = TLanes.MultiplyAdd(x, b2, c02);
            c03 = TLanes.MultiplyAdd(x, b3, c03);
            x = TLanes.Of(*a1);
            c10 = TLanes.MultiplyAdd(x, b0, c10);
            c11 = TLanes.MultiplyAdd(x, b1, c11);
            c12 = TLanes.MultiplyAdd(x, b2, c12);
            c13 = TLanes.MultiplyAdd(x, b3, c13);
            x = TLanes.Of(*a2);
            c20 = TLanes.MultiplyAdd(x, b0, c20);
            c21 = TLanes.MultiplyAdd(x, b1, c21);
            c22 = TLanes.MultiplyAdd(x, b2, c22);
            c23 = TLanes.MultiplyAdd(x, b3, c23);
            x = TLanes.Of(*a3);
            c30 = TLanes.MultiplyAdd(x, b0, c30);
            c31 = TLanes.MultiplyAdd(x, b1, c31);
            c32 = TLanes.MultiplyAdd(x, b2, c32);
            c33 = TLanes.MultiplyAdd(x, b3, c33);
        }

        Store4(c, c00, c01, c02, c03, add);
        Store4(c + cRow, c10, c11, c12, c13, add);
        Store4(c + (2 * cRow), c20, c21, c22, c23, add);
        Store4(c + (3 * cRow), c30, c31, c32, c33, add);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Tile1By4(int p, float* a, nint aColumn, float* b, nint bRow, float* c, bool add)
    {
        TVector c0 = TLanes.Zero, c1 = TLanes.Zero, c2 = TLanes.Zero, c3 = TLanes.Zero;
        for (var l = 0; l < p; l++, b += bRow, a += aColumn)
        {
            var x = TLanes.Of(*a);
            c0 = TLanes.MultiplyAdd(x, TLanes.Load(b), c0);
            c1 = TLanes.MultiplyAdd(x, TLanes.Load(b + TLanes.Width), c1);
            c2 = TLanes.MultiplyAdd(x, TLanes.Load(b + (2 * TLanes.Width)), c2);
            c3 = TLanes.MultiplyAdd(x, TLanes.Load(b + (3 * TLanes.Width)), c3);
        }

        Store4(c, c0, c1, c2, c3, add);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Tile4By2(int p, float* a, nint aRow, nint aColumn, float* b, nint bRow, float* c, nint cRow, bool add)
    {
        TVector c00 = TLanes.Zero, c01 = TLanes.Zero, c10 = TLanes.Zero, c11 = TLanes.Zero;
        TVector c20 = TLanes.Zero, c21 = TLanes.Zero, c30 = TLanes.Zero, c31 = TLanes.Zero;
        float* a1 = a + aRow, a2 = a1 + aRow, a3 = a2 + aRow;
        for (var l = 0; l < p; l++, b += bRow, a += aColumn, a1 += aColumn, a2 += aColumn, a3 += aColumn)
        {
            TVector b0 = TLanes.Load(b), b1 = TLanes.Load(b + TLanes.Width);
            var x = TLanes.Of(*a);
            c00 = TLanes.MultiplyAdd(x, b0, c00);
            c01 = TLanes.MultiplyAdd(x, b1, c01);
            x = TLanes.Of(*a1);
            c10 = TLanes.MultiplyAdd(x, b0, c10);
            c11 = TLanes.MultiplyAdd(x, b1, c11);
            x = TLanes.Of(*a2);
            c20 = TLanes.MultiplyAdd(x, b0, c20);
            c21 = TLanes.MultiplyAdd(x, b1, c21);
            x = TLanes.Of(*a3);
            c30 = TLanes.MultiplyAdd(x, b0, c30);
            c31 = TLanes.MultiplyAdd(x, b1, c31);
        }

        Store2(c, c00, c01, add);
        Store2(c + cRow, c10, c11, add);
        Store2(c + (2 * cRow), c20, c21, add);
        Store2(c + (3 * cRow), c30, c31, add);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Tile4By1(int p, float* a, nint aRow, nint aColumn, float* b, nint bRow, float* c, nint cRow, bool add)
    {
        TVector c0 = TLanes.Zero, c1 = TLanes.Zero, c2 = TLanes.Zero, c3 = TLanes.Zero;
        for (var l = 0; l < p; l++, b += bRow, a += aColumn)
        {
            var b0 = TLanes.Load(b);
            c0 = TLanes.MultiplyAdd(TLanes.Of(*a), b0, c0);
            c1 = TLanes.MultiplyAdd(TLanes.Of(a[aRow]), b0, c1);
            c2 = TLanes.MultiplyAdd(TLanes.Of(a[2 * aRow]), b0, c2);
            c3 = TLanes.MultiplyAdd(TLanes.Of(a[3 * aRow]), b0, c3);
        }

        Store(c, c0, add);
        Store(c + cRow, c1, add);
        Store(c + (2 * cRow), c2, add);
        Store(c + (3 * cRow), c3, add);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Tile1By1(int p, float* a, nint aColumn, float* b, nint bRow, float* c, bool add)
    {
        var sum = TLanes.Zero;
        for (var l = 0; l < p; l++, b += bRow, a += aColumn)
        {
            sum = TLanes.MultiplyAdd(TLanes.Of(*a), TLanes.Load(b), sum);
        }

        Store(c, sum, add);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Store4(float* c, TVector c0, TVector c1, TVector c2, TVector c3, bool add)
    {
        Store2(c, c0, c1, add);
        Store2(c + (2 * TLanes.Width), c2, c3, add);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Store2(float* c, TVector c0, TVector c1, bool add)
    {
        Store(c, c0, add);
        Store(c + TLanes.Width, c1, add);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Store(float* c, TVector sum, bool add) => TLanes.Store(add ? TLanes.Add(TLanes.Load(c), sum) : sum, c);
}

/// <summary>Loops over vectors of a length that is a multiple of the register's width, by pointers.</summary>
internal static unsafe class Vectors<TVector, TLanes>
    where TLanes : ILanes<TVector>
{
    /// <summary>sum += x · vector</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Add(float* sum, float* vector, float x, int length)
    {
        var factor = TLanes.Of(x);
        for (var d = 0; d < length; d += TLanes.Width)
        {
            TLanes.Store(TLanes.MultiplyAdd(factor, TLanes.Load(vector + d), TLanes.Load(sum + d)), sum + d);
        }
    }

    /// <summary>sum = y · sum + x · vector</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void ScaleAdd(float* sum, float y, float* vector, float x, int length)
    {
        var (scale, factor) = (TLanes.Of(y), TLanes.Of(x));
        for (var d = 0; d < length; d += TLanes.Width)
        {
            TLanes.Store(TLanes.MultiplyAdd(factor, TLanes.Load(vector + d), TLanes.Multiply(scale, TLanes.Load(sum + d))), sum + d);
        }
    }

    /// <summary>target = x · vector</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Scale(float* target, float* vector, float x, int length)
    {
        var factor = TLanes.Of(x);
        for (var d = 0; d < length; d += TLanes.Width)
        {
            TLanes.Store(TLanes.Multiply(factor, TLanes.Load(vector + d)), target + d);
        }
    }

    /// <summary>⟨a, b⟩</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Dot(float* a, float* b, int length)
    {
        var total = TLanes.Zero;
        for (var d = 0; d < length; d += TLanes.Width)
        {
            total = TLanes.MultiplyAdd(TLanes.Load(a + d), TLanes.Load(b + d), total);
        }

        return TLanes.Sum(total);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Clear(float* vector, int length)
    {
        for (var d = 0; d < length; d += TLanes.Width)
        {
            TLanes.Store(TLanes.Zero, vector + d);
        }
    }
}
