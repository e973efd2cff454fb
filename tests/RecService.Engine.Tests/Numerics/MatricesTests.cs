using System.Runtime.Intrinsics;
using RecService.Engine.Numerics;

namespace RecService.Engine.Tests.Numerics;

public sealed unsafe class MatricesTests
{
    [Fact]
    public void Products_of_one_float_at_a_time_are_right() => Check<float, Lanes1>();

    [Fact]
    public void Products_by_128_bits_are_right() => Check<Vector128<float>, Lanes4>();

    [Fact]
    public void Products_by_256_bits_are_right() => Check<Vector256<float>, Lanes8>();

    [Fact]
    public void Products_by_512_bits_are_right() => Check<Vector512<float>, Lanes16>();

    [Fact]
    public void Exponentials_are_near_enough()
    {
        Exponentials<float, Lanes1>();
        Exponentials<Vector128<float>, Lanes4>();
        Exponentials<Vector256<float>, Lanes8>();
        Exponentials<Vector512<float>, Lanes16>();
    }

    private static void Check<TVector, TLanes>()
        where TLanes : ILanes<TVector>
    {
        var random = new RandomSource(11);
        foreach (var m in new[] { 1, 3, 4, 5, 8, 13 })
        {
            foreach (var registers in new[] { 1, 2, 3, 4, 5, 7, 9 })
            {
                foreach (var p in new[] { 0, 1, 2, 31, 256, 300 })
                {
                    foreach (var (transposed, add) in new[] { (false, false), (true, true) })
                    {
                        Product<TVector, TLanes>(m, registers * TLanes.Width, p, transposed, add, random);
                    }
                }
            }
        }
    }

    private static void Product<TVector, TLanes>(int m, int n, int p, bool transposed, bool add, RandomSource random)
        where TLanes : ILanes<TVector>
    {
        // Rows lie further apart than they are long, and what is between them stays as it is.
        var (bRow, cRow) = (n + 3, n + 5);
        using var a = Random(Math.Max(1, m * p), random);
        using var b = Random(Math.Max(1, p * bRow), random);
        using var c = Random(m * cRow, random);
        var before = new ReadOnlySpan<float>(c.Pointer, m * cRow).ToArray();
        var (aRow, aColumn) = transposed ? (1, m) : (p, 1);
        Matrices<TVector, TLanes>.Multiply(m, n, p, a.Pointer, aRow, aColumn, b.Pointer, bRow, c.Pointer, cRow, add);
        for (var row = 0; row < m; row++)
        {
            for (var column = 0; column < cRow; column++)
            {
                var expected = column >= n || add ? before[(row * cRow) + column] : 0.0;
                for (var l = 0; l < p && column < n; l++)
                {
                    expected += (double)a.Pointer[(row * aRow) + (l * aColumn)] * b.Pointer[(l * bRow) + column];
                }

                ((double)c.Pointer[(row * cRow) + column]).ShouldBe(expected, 1e-4 * (1 + Math.Sqrt(p)), $"{m} × {n}, {p}: ({row}, {column})");
            }
        }
    }

    private static void Exponentials<TVector, TLanes>()
        where TLanes : ILanes<TVector>
    {
        var numbers = stackalloc float[TLanes.Width];
        for (var x = -100f; x < 100; x += 0.37f)
        {
            for (var lane = 0; lane < TLanes.Width; lane++)
            {
                numbers[lane] = x + (0.01f * lane);
            }

            TLanes.Store(TLanes.Exp(TLanes.Load(numbers)), numbers);
            for (var lane = 0; lane < TLanes.Width; lane++)
            {
                var argument = (double)(x + (0.01f * lane));
                var exact = Math.Exp(Math.Clamp(argument, -87, 87));
                ((double)numbers[lane]).ShouldBe(exact, exact * 1e-7 * (4 + (2 * Math.Abs(argument))), $"e^{argument}");
            }
        }
    }

    private static NativeArray<float> Random(int length, RandomSource random)
    {
        var array = new NativeArray<float>((nuint)length);
        for (var n = 0; n < length; n++)
        {
            array.Pointer[n] = (float)random.NextNormal();
        }

        return array;
    }
}
