using RecService.Api.Models;
using RecService.Api.Storage;
using RecService.Engine.Model;
using RecService.Engine.Training;

namespace RecService.Api.Training;

/// <summary>What came of a fit and its refit.</summary>
/// <param name="Model">The model refitted on all rows.</param>
/// <param name="BestEpoch">The epoch of the fit with the best holdout loss, 0 for its start; the refit ran as many, at least one.</param>
/// <param name="Metrics">Metrics of the fit, which has not seen the holdout, and of the data; null without a holdout where nothing is to be told of the
/// data.</param>
/// <param name="StartHoldoutLoss">The holdout loss that a fit started with that did not start cold.</param>
/// <param name="State">Where the next run may start from: the state of the fit, which has not seen the holdout; null when none is to be kept.</param>
/// <param name="Decision">Whether the model is to be served.</param>
/// <param name="WarmStartedFrom">The run from whose state the fit started; null when it started cold.</param>
internal sealed record FitOutcome(
    FactorizationModel Model,
    int BestEpoch,
    TrainingMetrics? Metrics,
    double? StartHoldoutLoss = null,
    TrainingState? State = null,
    PublishDecision? Decision = null,
    long? WarmStartedFrom = null
)
{
    /// <summary>The outcome with what was found out about attributes among its metrics.</summary>
    public FitOutcome With(AttributeFindings findings) => this with { Metrics = findings.AddTo(Metrics) };

    /// <summary>The outcome without users that have been erased since the cut-off.</summary>
    public FitOutcome Without(ErasedUsers erased) =>
        this with
        {
            Model = Model.WithoutUsers(erased.Among(Model.Features?.UserIds ?? [])),
            State = State?.WithoutUsers(erased.Among(State.Model.Features?.UserIds ?? [])),
        };
}
