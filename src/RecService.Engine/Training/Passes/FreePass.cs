using RecService.Engine.Kernels;
using RecService.Engine.Kernels.Rows;
using RecService.Engine.Losses;
using RecService.Engine.Numerics;
using RecService.Engine.Training.Parameters;
using RecService.Engine.Training.Threads;

namespace RecService.Engine.Training.Passes;

/// <summary>
/// Every thread learns from batches of its own, without locks (Niu et al., "Hogwild!", NIPS 2011): steps on rare features hardly ever collide, and of
/// the
/// frequent ones each thread has a replica.
/// </summary>
internal sealed unsafe class FreePass : ExamplePass, ILearningPass
{
    /// <summary>Rows of a batch, roughly.</summary>
    public const int BatchRows = 1024;

    /// <summary>Batches of a thread from one exchange of its replicas to the next.</summary>
    private const int ExchangeInterval = 16;

    private readonly ParameterTable _table;
    private readonly TrainingSettings _settings;
    private readonly RowLearner _learner;
    private readonly ParameterReplicas[] _replicas;
    private readonly Progress[] _progress;
    private StepContext _context;
    private ulong _seed;

    public FreePass(
        TrainingRows rows,
        ParameterTable table,
        TrainingSettings settings,
        TargetScale scale,
        RowLearner learner,
        WorkerTeam team,
        BatchQueue queue,
        double overlap
    )
        : base(rows, settings, scale, table.Stride, team, queue, overlap, clips: false, table.Buffer)
    {
        _table = table;
        _settings = settings;
        _learner = learner;
        var replicated = team.Size == 1 ? [] : table.Replicated();
        var gate = new Lock();
        _replicas =
            team.Size == 1
                ? []
                :
                [
                    .. Enumerable
                        .Range(0, team.Size)
                        .Select(thread => new ParameterReplicas(replicated, thread, team.Size, settings.Solver == Solver.AdaGrad, gate)),
                ];
        _progress = [.. Enumerable.Range(0, team.Size).Select(_ => new Progress())];
    }

    public double Learn(int epoch, RandomSource random, CancellationToken cancellationToken)
    {
        _seed = random.Next();
        _context = _table.Context(_settings.RateOf(epoch));
        return Run(random, cancellationToken);
    }

    protected override void Begin(int thread)
    {
        if (_replicas.Length > 0)
        {
            _replicas[thread].Pull();
            _progress[thread].SinceExchange = 0;
        }
    }

    protected override void Do(int thread, in RowBatch batch, float* scratch, float* scores)
    {
        var progress = _progress[thread];
        var tables = _table.Tables(thread);
        tables.FetchNext = progress.Fetching.Begin();
        _learner.Learn(Loss, batch, tables, _context, RowsTogether, scratch, ScratchOfRow, scores);
        progress.Fetching.End(batch.Count);
        if (_replicas.Length > 0 && ++progress.SinceExchange >= ExchangeInterval)
        {
            _replicas[thread].Exchange();
            progress.SinceExchange = 0;
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

    /// <summary>What a thread keeps from batch to batch.</summary>
    private sealed class Progress
    {
        public FetchTrial Fetching { get; } = new();

        public int SinceExchange { get; set; }
    }

    public override void Dispose()
    {
        foreach (var replicas in _replicas)
        {
            replicas.Dispose();
        }

        base.Dispose();
    }
}
