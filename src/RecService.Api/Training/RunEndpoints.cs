using System.Net.ServerSentEvents;
using Microsoft.AspNetCore.Http.HttpResults;
using RecService.Api.Domain;
using RecService.Api.Http;
using RecService.Api.Http.Errors;
using RecService.Api.Http.Limits;
using RecService.Api.Http.Queries;
using RecService.Api.Storage;

namespace RecService.Api.Training;

internal static class RunEndpoints
{
    private const string ListName = "training-runs";

    public static void MapRunEndpoints(this IEndpointRouteBuilder routes)
    {
        var group = routes.MapGroup("/v1/training-runs").WithTags("Training").Requires(Roles.Admin);
        group
            .MapPost("/", StartAsync)
            .WithName("startTrainingRun")
            .WithSummary("Start a training run")
            .WithDescription(
                "Trains a model from the store as it is now and publishes it. One run goes on at a time: while one does, the answer is 409 with its address in Location. "
                    + "A run that would take more memory than there is is refused with 409."
            )
            .ProducesProblem(StatusCodes.Status409Conflict);
        group
            .MapGet("/plan", PlanAsync)
            .WithName("planTrainingRun")
            .WithSummary("Tell what a training run would read, and the memory that it would take")
            .WithDescription("Goes by the store as it is now, of which the database keeps statistics, and by the settings; nothing is started.");
        group.MapGet("/", ListAsync).WithName("listTrainingRuns").WithSummary("List training runs, newest first");
        group
            .MapGet("/{runId:long}", GetAsync)
            .WithName("getTrainingRun")
            .WithSummary("Get a training run with its loss by epoch and its metrics")
            .ProducesProblem(StatusCodes.Status404NotFound);
        group
            .MapPost("/{runId:long}/cancel", CancelAsync)
            .WithName("cancelTrainingRun")
            .WithSummary("Cancel a training run")
            .WithDescription(
                "Asks the run to stop, in whichever process it goes on: within about a second. The model that is served stays. A run that has ended is returned as it is."
            )
            .ProducesProblem(StatusCodes.Status404NotFound);
        group
            .MapGet("/{runId:long}/events", EventsAsync)
            .WithName("watchTrainingRun")
            .WithSummary("Watch a training run")
            .TakesLong(LongRequest.Watch)
            .WithDescription("Server-sent events: `epoch` with the losses of each epoch, those of the past first, then `finished` with the run.")
            .Produces<string>(StatusCodes.Status200OK, "text/event-stream")
            .ProducesProblem(StatusCodes.Status404NotFound);
    }

    public static ProblemHttpResult NotFound(long runId) => Problems.NotFound("training run", runId);

    public static ProblemHttpResult GoesOn(long runId) =>
        Problems.Conflict(
            "/problems/training-run-going-on",
            "A training run is going on.",
            $"Run {runId} has not ended; its address is {AddressOf(runId)}."
        );

    public static async Task<Results<Accepted<TrainingRunResponse>, ProblemHttpResult>> StartAsync(
        RunPlanner planner,
        RunStarter starter,
        RunStore runs,
        AuditLog audit,
        HttpContext http,
        CancellationToken cancellationToken
    )
    {
        var planned = await planner.PlanAsync(cancellationToken);
        // What goes on takes memory too, and is the better reason.
        if (!planned.Fits && await runs.FindRunningAsync(cancellationToken) is null)
        {
            return Problems.Conflict("/problems/training-run-too-large", "The training run would take more memory than there is.", planned.Refusal);
        }

        var (run, started) = await starter.StartAsync(cancellationToken);
        var address = AddressOf(run.RunId);
        if (started)
        {
            // The run goes on whether or not somebody waits for the answer.
            await audit.WriteAsync("run.start", run.RunId, CancellationToken.None);
            return TypedResults.Accepted(address, TrainingRunResponse.From(run));
        }
        http.Response.Headers.Location = address;
        return GoesOn(run.RunId);
    }

    private static async Task<Ok<TrainingPlan>> PlanAsync(RunPlanner planner, CancellationToken cancellationToken) =>
        TypedResults.Ok(await planner.PlanAsync(cancellationToken));

    private static async Task<Results<Ok<TrainingRunPage>, ValidationProblem>> ListAsync(
        RunStore runs,
        RunScheduler scheduler,
        int? limit,
        string? cursor,
        CancellationToken cancellationToken
    )
    {
        var errors = new FieldErrors();
        var size = Paging.Limit(errors, limit);
        var before = Paging.AfterKey(errors, ListName, cursor);
        if (errors.Any)
        {
            return errors.ToProblem();
        }

        var page = await runs.ListAsync(before ?? long.MaxValue, size + 1, cancellationToken);
        var next = page.Count > size ? Paging.Cursor(ListName, page[size - 1].RunId) : null;
        return TypedResults.Ok(new TrainingRunPage([.. page.Take(size).Select(TrainingRunResponse.From)], next, scheduler.NextTurn));
    }

    private static async Task<Results<Ok<TrainingRunResponse>, ProblemHttpResult>> GetAsync(
        long runId,
        RunStore runs,
        CancellationToken cancellationToken
    ) => await runs.FindAsync(runId, cancellationToken) is { } run ? TypedResults.Ok(TrainingRunResponse.From(run)) : NotFound(runId);

    public static async Task<Results<Ok<TrainingRunResponse>, Accepted<TrainingRunResponse>, ProblemHttpResult>> CancelAsync(
        long runId,
        RunStore runs,
        AuditLog audit,
        CancellationToken cancellationToken
    )
    {
        var asked = await runs.RequestCancelAsync(runId, cancellationToken);
        if (asked)
        {
            await audit.WriteAsync("run.cancel", runId, CancellationToken.None);
            // Nobody is left to stop it if its process has died.
            await runs.FailOrphansAsync(cancellationToken);
        }
        if (await runs.FindAsync(runId, cancellationToken) is not { } run)
        {
            return NotFound(runId);
        }

        return asked ? TypedResults.Accepted(AddressOf(runId), TrainingRunResponse.From(run)) : TypedResults.Ok(TrainingRunResponse.From(run));
    }

    public static async Task<Results<ServerSentEventsResult<object>, ProblemHttpResult>> EventsAsync(
        long runId,
        RunWatch watch,
        IHostApplicationLifetime lifetime,
        HttpContext http,
        CancellationToken cancellationToken
    )
    {
        var states = watch.FollowAsync(runId, cancellationToken).GetAsyncEnumerator(cancellationToken);
        // Also when nobody is left to send the events to.
        http.Response.RegisterForDisposeAsync(states);
        if (await states.MoveNextAsync())
        {
            return TypedResults.ServerSentEvents(Events(states));
        }

        if (lifetime.ApplicationStopping.IsCancellationRequested)
        {
            http.Response.Headers.RetryAfter = "1";
            return Problems.Overloaded();
        }

        return NotFound(runId);
    }

    /// <param name="states">Stand at the first one.</param>
    private static async IAsyncEnumerable<SseItem<object>> Events(IAsyncEnumerator<TrainingRunResponse> states)
    {
        IReadOnlyList<TrainingEpoch> shown = [];
        do
        {
            var run = states.Current;
            // A run that starts again, cold, begins at epoch 1 again.
            var goesOn = run.Epochs.Take(shown.Count).SequenceEqual(shown);
            foreach (var epoch in run.Epochs.Skip(goesOn ? shown.Count : 0))
            {
                yield return new(epoch, "epoch");
            }

            shown = run.Epochs;
            if (run.FinishedAt is not null)
            {
                yield return new(run, "finished");
            }
        } while (await states.MoveNextAsync());
    }

    private static string AddressOf(long runId) => $"/v1/training-runs/{runId}";
}
