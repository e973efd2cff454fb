using RecService.Engine.Numerics;

namespace RecService.Engine.Training;

/// <summary>Learns from all examples once.</summary>
internal interface ILearningPass : IDisposable
{
    /// <summary>The weighted mean loss, each example's before it was learned from.</summary>
    /// <param name="epoch">1 for the first.</param>
    /// <param name="random">Draws the order of the batches.</param>
    /// <param name="cancellationToken">Ends the pass early.</param>
    double Learn(int epoch, RandomSource random, CancellationToken cancellationToken);
}

/// <summary>
/// Every thread learns from batches of its own, without locks (Niu et al., "Hogwild!", NIPS 2011): steps on rare features hardly ever collide, and of the
/// frequent ones each thread has a replica.
/// </summary>
internal sealed unsafe class FreePass : ExamplePass, ILearningPass
{
    private const int BatchRows = 1024;

    private readonly ParameterTable _table;
    private readonly TrainingSettings _settings;
    private readonly RowLearner _learner;
    private readonly Replicas[] _replicas;
    private readonly int _exchangeInterval;
    private readonly int[] _sinceExchange;
    private StepContext _context;
    private ulong _seed;

    public FreePass(TrainingRows rows, ParameterTable table, TrainingSettings settings, TargetScale scale, RowLearner learner, WorkerTeam team)
        : base(rows, settings, scale, table.Stride, team, BatchRows, clips: false, table.Buffer)
    {
        _table = table;
        _settings = settings;
        _learner = learner;
        var replicated = team.Size == 1 ? [] : table.Replicated();
        var gate = new Lock();
        _replicas = team.Size == 1 ? [] : [.. Enumerable.Range(0, team.Size).Select(thread => new Replicas(replicated, thread, team.Size, settings.Solver == Solver.AdaGrad, gate))];
        _exchangeInterval = 2;
        _sinceExchange = new int[team.Size];
    }

    public double Learn(int epoch, RandomSource random, CancellationToken cancellationToken)
    {
        _seed = random.Next();
        _context = _table.Context(_settings.RateOf(epoch));
        Shuffle(random);
        return Run(cancellationToken);
    }

    protected override void Begin(int thread)
    {
        if (_replicas.Length > 0)
        {
            _replicas[thread].Pull();
            _sinceExchange[thread] = 0;
        }
    }

    protected override void Do(int thread, in RowBatch batch, float* scratch, float* scores)
    {
        var tables = _table.Tables(thread);
        _learner.Learn(batch, tables, _context, scratch, scores);
        if (_replicas.Length > 0 && ++_sinceExchange[thread] >= _exchangeInterval)
        {
            _replicas[thread].Exchange();
            _sinceExchange[thread] = 0;
        }
    }

    protected override void End(int thread)
    {
        if (_replicas.Length > 0)
        {
            _replicas[thread].Exchange();
        }
    }

    protected override ulong SeedOf(int batch) => _seed + (ulong)batch;

    public override void Dispose()
    {
        foreach (var replicas in _replicas)
        {
            replicas.Dispose();
        }

        base.Dispose();
    }
}

/// <summary>Measures the loss of all examples without learning.</summary>
internal sealed unsafe class MeasuringPass(
    TrainingRows rows, ParameterTable table, TrainingSettings settings, TargetScale scale, RowScorer scorer, WorkerTeam team)
    : ExamplePass(rows, settings, scale, table.Stride, team, BatchRows, clips: true, _ => new())
{
    private const int BatchRows = 1024;

    /// <summary>The weighted mean loss, scores limited to the range of the training targets.</summary>
    public double Measure(CancellationToken cancellationToken) => Run(cancellationToken);

    protected override void Do(int thread, in RowBatch batch, float* scratch, float* scores)
    {
        var tables = table.Shared;
        scorer.Score(batch, tables, scratch, scores);
    }
}
