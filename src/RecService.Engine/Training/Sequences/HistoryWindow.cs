using System.Runtime.CompilerServices;
using RecService.Engine.Data.Histories;
using RecService.Engine.Kernels.Rows;
using RecService.Engine.Numerics;

namespace RecService.Engine.Training.Sequences;

/// <summary>
/// Histories of the rows of a segment, a part of a user's sequence, by recurrences over a window that slides along it, so that a row costs O(k) however long
/// its history is: S ← f S + ω a, less what leaves the window; backward the same in reverse.
/// </summary>
internal sealed unsafe class HistoryWindow<TVector, TLanes> : IDisposable
    where TLanes : ILanes<TVector>
{
    /// <summary>What is left of an event that counts less than this is let go unnoticed.</summary>
    private const double Negligible = 1e-9;

    /// <summary>Events ahead whose latent vectors are fetched.</summary>
    private const int FetchAhead = 4;

    private readonly SequenceData _data;
    private readonly HistorySettings _settings;
    private readonly int _stride;
    private readonly NativeArray<float> _scratch;
    private readonly double _perSecond;
    private readonly double _recentPerSecond;
    private readonly double _perStep;

    // The positives that count: of each its item, ω, weight, time, and how many half-lives passed up to it, for the long history and the recent one.
    private int[] _items = [];
    private float[] _omegas = [];
    private float[] _weights = [];
    private double[] _times = [];
    private double[] _ages = [];
    private double[] _recentAges = [];
    private int _count;

    // The rows: the last positive before each, or with no order its own, and what its sums are multiplied by.
    private int[] _positives = [];
    private float[] _scales = [];
    private float[] _recentScales = [];
    private int _rows;
    private bool _unordered;

    public HistoryWindow(SequenceData data, int stride)
    {
        _data = data;
        _settings = data.Settings;
        _stride = stride;
        _scratch = new((nuint)(4 * stride));
        _perSecond = _settings.AgeHalfLife is { } age ? 1 / age.TotalSeconds : 0;
        _recentPerSecond = _settings.RecentHalfLife is { } half ? 1 / half.TotalSeconds : 0;
        _perStep = -Math.Log2(_settings.Gamma);
    }

    /// <summary>The positives of a row's history.</summary>
    public (int From, int To) RangeOf(int row) =>
        _unordered ? (0, _count) : (Math.Max(0, _positives[row] + 1 - _settings.Length), _positives[row] + 1);

    /// <summary>The positive that a row is itself, where it is one of <see cref="RangeOf"/>; else −1.</summary>
    public int OwnOf(int row) => _unordered ? _positives[row] : -1;

    /// <summary>Item of a positive.</summary>
    public int ItemAt(int positive) => _items[positive];

    /// <summary>What a positive adds to the count of its item.</summary>
    public float WeightAt(int positive) => _weights[positive];

    private bool Forgets => _settings.Gamma == 0;

    /// <summary>Pools the histories of a segment's rows.</summary>
    /// <param name="segment">The segment.</param>
    /// <param name="tables">The parameters.</param>
    /// <param name="history">Receives p_history of each row, one after the other.</param>
    /// <param name="recent">Receives p_recent.</param>
    public void Forward(in Segment segment, in ParameterTables tables, float* history, float* recent)
    {
        _count = _rows = 0;
        _unordered = _data.Set.IsUnordered(segment.Sequence);
        Reserve(segment.To - segment.From + (_unordered ? 0 : _settings.Length), segment.To - segment.From);
        if (_unordered)
        {
            ForwardUnordered(segment, tables, history, recent);
        }
        else
        {
            ForwardOrdered(segment, tables, history, recent);
        }
    }

    /// <summary>Passes the gradients of the rows' pooled vectors back to the items of their histories.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Backward(GradientSums sums, float* history, float* recent)
    {
        sums.Reserve(_count * (_data.History!.MaximumEntries + _data.Recent!.MaximumEntries));
        float* total = _scratch.Pointer,
            recentTotal = total + _stride;
        new Span<float>(total, 2 * _stride).Clear();
        if (_unordered)
        {
            BackwardUnordered(sums, history, total);
            return;
        }

        var (row, leaving) = (_rows - 1, _rows - 1);
        for (var p = _count - 1; p >= 0; p--)
        {
            if (p + 1 < _count && row < _rows - 1)
            {
                if (_perSecond > 0)
                {
                    Vectors<TVector, TLanes>.Scale(total, total, Left(_ages, p, p + 1), _stride);
                }

                Vectors<TVector, TLanes>.Scale(recentTotal, recentTotal, RecentLeft(p, p + 1), _stride);
            }

            for (; row >= 0 && _positives[row] == p; row--)
            {
                Vectors<TVector, TLanes>.Add(total, history + ((nint)row * _stride), _scales[row], _stride);
                Vectors<TVector, TLanes>.Add(recentTotal, recent + ((nint)row * _stride), _recentScales[row], _stride);
            }

            for (; leaving >= 0 && _positives[leaving] == p + _settings.Length; leaving--)
            {
                Vectors<TVector, TLanes>.Add(
                    total,
                    history + ((nint)leaving * _stride),
                    -_scales[leaving] * Left(_ages, p, p + _settings.Length),
                    _stride
                );
                if (RecentLeft(p, p + _settings.Length) is var left && left > Negligible)
                {
                    Vectors<TVector, TLanes>.Add(recentTotal, recent + ((nint)leaving * _stride), -_recentScales[leaving] * left, _stride);
                }
            }

            if (row < _rows - 1)
            {
                _data.History.Back<TVector, TLanes>(_items[p], sums, total, _omegas[p], _stride);
                _data.Recent.Back<TVector, TLanes>(_items[p], sums, recentTotal, _omegas[p], _stride);
            }
        }
    }

    public void Dispose() => _scratch.Dispose();

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void ForwardOrdered(in Segment segment, in ParameterTables tables, float* history, float* recent)
    {
        var set = _data.Set;
        float* sum = _scratch.Pointer,
            recentSum = sum + _stride;
        new Span<float>(sum, 2 * _stride).Clear();
        var mass = 0.0;
        var lastTime = 0.0;
        for (var e = FirstOfWindow(segment); e < segment.To; e++)
        {
            var time = set.Times is null ? 0 : set.Times[e];
            if (e + FetchAhead < segment.To)
            {
                _data.History!.Fetch(set.ItemOf[e + FetchAhead], tables);
                _data.Recent!.Fetch(set.ItemOf[e + FetchAhead], tables);
            }

            if (e >= segment.From && set.WeightOf(e) > 0)
            {
                var since = _count == 0 ? 0 : time - lastTime;
                var left = double.Exp2(-since * _perSecond);
                var scale = mass > 0 ? (float)(left * Norm(mass * left)) : 0;
                var recentScale = IsOrdered() ? (float)double.Exp2(-since * _recentPerSecond) : 0;
                Vectors<TVector, TLanes>.Scale(history + ((nint)_rows * _stride), sum, scale, _stride);
                Vectors<TVector, TLanes>.Scale(recent + ((nint)_rows * _stride), recentSum, recentScale, _stride);
                (_positives[_rows], _scales[_rows], _recentScales[_rows]) = (_count - 1, scale, recentScale);
                _rows++;
            }

            if (_data.Omegas[e] is > 0 and var omega && e < segment.To - 1)
            {
                var since = _count == 0 ? 0 : time - lastTime;
                Enter(e, omega, time, since);
                lastTime = time;
                var now = _count - 1;
                var f = now == 0 ? 0 : Left(_ages, now - 1, now);
                Vectors<TVector, TLanes>.ScaleAdd(sum, f, _data.History!.Pooled<TVector, TLanes>(_items[now], tables, Scratch), omega, _stride);
                Vectors<TVector, TLanes>.ScaleAdd(
                    recentSum,
                    now == 0 ? 0 : RecentLeft(now - 1, now),
                    _data.Recent!.Pooled<TVector, TLanes>(_items[now], tables, Scratch),
                    omega,
                    _stride
                );
                mass = (f * mass) + omega;
                if (now >= _settings.Length)
                {
                    mass -= Leave(now - _settings.Length, now, tables, sum, recentSum);
                }
            }
        }
    }

    private float* Scratch => _scratch.Pointer + (2 * _stride);

    private double Norm(double mass) => _settings.Alpha == 0.5f ? 1 / Math.Sqrt(mass) : Math.Pow(mass, -_settings.Alpha);

    /// <summary>What is left, at one positive, of an earlier one.</summary>
    private float Left(double[] ages, int earlier, int later) => _perSecond == 0 ? 1 : (float)double.Exp2(ages[earlier] - ages[later]);

    private float RecentLeft(int earlier, int later) => Forgets ? 0 : (float)double.Exp2(_recentAges[earlier] - _recentAges[later]);

    /// <summary>Whether the positives so far have an order, which several of one time have not.</summary>
    private bool IsOrdered() =>
        _count > 0
        && (
            Math.Min(_count, _settings.Length) == 1
            || _data.Set.Times is null
            || _times[Math.Max(0, _count - _settings.Length)] < _times[_count - 1]
        );

    private void Enter(int e, float omega, double time, double since)
    {
        (_items[_count], _omegas[_count]) = (_data.Set.ItemOf[e], omega);
        (_weights[_count], _times[_count]) = (_data.RepeatWeightOf(e), time);
        if (_count > 0)
        {
            _ages[_count] = _ages[_count - 1] + (since * _perSecond);
            _recentAges[_count] = Forgets ? 0 : _recentAges[_count - 1] + _perStep + (since * _recentPerSecond);
        }
        else
        {
            _ages[0] = _recentAges[0] = 0;
        }

        _count++;
    }

    /// <summary>Takes the oldest positive out of the sums; returns what it had of the mass.</summary>
    private double Leave(int oldest, int now, in ParameterTables tables, float* sum, float* recentSum)
    {
        var left = _omegas[oldest] * Left(_ages, oldest, now);
        Vectors<TVector, TLanes>.Add(sum, _data.History!.Pooled<TVector, TLanes>(_items[oldest], tables, Scratch), -left, _stride);
        if (RecentLeft(oldest, now) is var recentLeft && recentLeft > Negligible)
        {
            Vectors<TVector, TLanes>.Add(
                recentSum,
                _data.Recent!.Pooled<TVector, TLanes>(_items[oldest], tables, Scratch),
                -_omegas[oldest] * recentLeft,
                _stride
            );
        }

        return left;
    }

    /// <summary>The first of the newest positives before the segment, as many as a history has.</summary>
    private int FirstOfWindow(in Segment segment)
    {
        var (first, positives) = (segment.From, 0);
        for (var e = segment.From - 1; e >= _data.Set.Starts[segment.Sequence] && positives < _settings.Length; e--)
        {
            if (_data.Omegas[e] > 0)
            {
                positives++;
                first = e;
            }
        }

        return first;
    }

    private void ForwardUnordered(in Segment segment, in ParameterTables tables, float* history, float* recent)
    {
        var set = _data.Set;
        var sum = _scratch.Pointer;
        new Span<float>(sum, _stride).Clear();
        var mass = 0.0;
        for (var e = segment.From; e < segment.To; e++)
        {
            if (_data.Omegas[e] is > 0 and var omega)
            {
                Enter(e, omega, 0, 0);
                Vectors<TVector, TLanes>.Add(sum, _data.History!.Pooled<TVector, TLanes>(set.ItemOf[e], tables, Scratch), omega, _stride);
                mass += omega;
            }
        }

        var positive = 0;
        for (var e = segment.From; e < segment.To; e++)
        {
            var omega = _data.Omegas[e];
            if (set.WeightOf(e) > 0)
            {
                // The mass of others is a sum of floats in double precision, so that none is 0.
                var others = mass - omega;
                var scale = others > 1e-6 ? (float)Norm(others) : 0;
                var at = history + ((nint)_rows * _stride);
                Vectors<TVector, TLanes>.Scale(at, sum, scale, _stride);
                if (omega > 0)
                {
                    Vectors<TVector, TLanes>.Add(at, _data.History!.Pooled<TVector, TLanes>(set.ItemOf[e], tables, Scratch), -omega * scale, _stride);
                }

                new Span<float>(recent + ((nint)_rows * _stride), _stride).Clear();
                (_positives[_rows], _scales[_rows]) = (omega > 0 ? positive : -1, scale);
                _rows++;
            }

            positive += omega > 0 ? 1 : 0;
        }
    }

    private void BackwardUnordered(GradientSums sums, float* history, float* total)
    {
        for (var row = 0; row < _rows; row++)
        {
            Vectors<TVector, TLanes>.Add(total, history + ((nint)row * _stride), _scales[row], _stride);
        }

        for (var p = 0; p < _count; p++)
        {
            _data.History!.Back<TVector, TLanes>(_items[p], sums, total, _omegas[p], _stride);
        }

        for (var row = 0; row < _rows; row++)
        {
            if (_positives[row] is >= 0 and var own)
            {
                _data.History!.Back<TVector, TLanes>(
                    _items[own],
                    sums,
                    history + ((nint)row * _stride),
                    -_omegas[own] * _scales[row],
                    _stride
                );
            }
        }
    }

    private void Reserve(int positives, int rows)
    {
        if (_items.Length < positives)
        {
            var capacity = Math.Max(positives, 2 * _items.Length);
            (_items, _omegas, _weights, _times) = (new int[capacity], new float[capacity], new float[capacity], new double[capacity]);
            (_ages, _recentAges) = (new double[capacity], new double[capacity]);
        }

        if (_positives.Length < rows)
        {
            var capacity = Math.Max(rows, 2 * _positives.Length);
            (_positives, _scales, _recentScales) = (new int[capacity], new float[capacity], new float[capacity]);
        }
    }
}
