namespace RecService.Api.Training;

internal static partial class RunLog
{
    [LoggerMessage(EventId = 2001, Level = LogLevel.Information, Message = "Training run {RunId} started ({Trigger}, objective {Objective})")]
    public static partial void RunStarted(this ILogger logger, long runId, string trigger, string objective);

    [LoggerMessage(
        EventId = 2002,
        Level = LogLevel.Information,
        Message = "Training run {RunId} uses {Rows} rows of {Users} users and {Items} items, {Features} features"
    )]
    public static partial void RowsRead(this ILogger logger, long runId, int rows, int users, int items, int features);

    [LoggerMessage(
        EventId = 2003,
        Level = LogLevel.Information,
        Message = "Training run {RunId} {Phase} epoch {Epoch}: train loss {TrainLoss:F5}, holdout loss {HoldoutLoss:F5}"
    )]
    public static partial void EpochDone(this ILogger logger, long runId, string phase, int epoch, double trainLoss, double? holdoutLoss);

    [LoggerMessage(
        EventId = 2004,
        Level = LogLevel.Information,
        Message = "Training run {RunId} succeeded in {Seconds:F1} s: model {ModelVersion}, {SizeBytes} bytes"
    )]
    public static partial void RunSucceeded(this ILogger logger, long runId, double seconds, long modelVersion, long sizeBytes);

    [LoggerMessage(EventId = 2005, Level = LogLevel.Error, Message = "Training run {RunId} failed; the model that is served stays")]
    public static partial void RunFailed(this ILogger logger, long runId, Exception exception);

    [LoggerMessage(EventId = 2006, Level = LogLevel.Warning, Message = "Training run {RunId} was stopped: {Reason}")]
    public static partial void RunStopped(this ILogger logger, long runId, string reason);

    [LoggerMessage(
        EventId = 2007,
        Level = LogLevel.Warning,
        Message = "{Runs} training runs were left unfinished by a process that ended; recorded as failed"
    )]
    public static partial void OrphansFailed(this ILogger logger, int runs);

    [LoggerMessage(EventId = 2008, Level = LogLevel.Debug, Message = "Scheduled training skipped: {Reason}")]
    public static partial void ScheduleSkipped(this ILogger logger, string reason);

    [LoggerMessage(EventId = 2009, Level = LogLevel.Error, Message = "The training schedule could not be served; it is tried again in {Delay}")]
    public static partial void ScheduleFailed(this ILogger logger, TimeSpan delay, Exception exception);

    [LoggerMessage(EventId = 2010, Level = LogLevel.Error, Message = "The outcome of training run {RunId} could not be recorded")]
    public static partial void OutcomeNotRecorded(this ILogger logger, long runId, Exception exception);

    [LoggerMessage(EventId = 2013, Level = LogLevel.Warning, Message = "Runs that a former process left unfinished could not be recorded")]
    public static partial void OrphansNotRecorded(this ILogger logger, Exception exception);

    [LoggerMessage(EventId = 2012, Level = LogLevel.Warning, Message = "The progress of training run {RunId} could not be recorded; the run goes on")]
    public static partial void ProgressNotRecorded(this ILogger logger, long runId, Exception exception);

    [LoggerMessage(EventId = 2011, Level = LogLevel.Information, Message = "Pruned the artifacts of {Models} old models")]
    public static partial void ModelsPruned(this ILogger logger, int models);

    [LoggerMessage(EventId = 2014, Level = LogLevel.Information, Message = "Training run {RunId} starts from the state of run {FormerRunId}")]
    public static partial void StartsWarm(this ILogger logger, long runId, long formerRunId);

    [LoggerMessage(EventId = 2015, Level = LogLevel.Information, Message = "Training run {RunId} starts cold: {Reason}")]
    public static partial void StartsCold(this ILogger logger, long runId, string reason);

    [LoggerMessage(
        EventId = 2016,
        Level = LogLevel.Warning,
        Message = "Training run {RunId} starts cold: the state of run {FormerRunId} cannot be read"
    )]
    public static partial void StateUnreadable(this ILogger logger, long runId, long formerRunId, Exception exception);

    [LoggerMessage(
        EventId = 2017,
        Level = LogLevel.Warning,
        Message = "Training run {RunId} starts again, cold: it could not go on from the state of run {FormerRunId}"
    )]
    public static partial void WarmStartFailed(this ILogger logger, long runId, long formerRunId, Exception exception);

    [LoggerMessage(
        EventId = 2018,
        Level = LogLevel.Warning,
        Message = "The tables of models could not be vacuumed after the run; autovacuum will do it"
    )]
    public static partial void NotVacuumed(this ILogger logger, Exception exception);

    [LoggerMessage(
        EventId = 2019,
        Level = LogLevel.Error,
        Message = "The connection that holds the right to train is lost; training run {RunId} stops"
    )]
    public static partial void LockLost(this ILogger logger, long runId, Exception exception);

    [LoggerMessage(
        EventId = 2020,
        Level = LogLevel.Warning,
        Message = "Training run {RunId} has decided that its model is served: {Published}. {Reason}"
    )]
    public static partial void Decided(this ILogger logger, long runId, bool published, string reason);

    [LoggerMessage(
        EventId = 2021,
        Level = LogLevel.Warning,
        Message = "Training run {RunId} is not compared with the model that is served: the state of run {FormerRunId} cannot be read"
    )]
    public static partial void NotCompared(this ILogger logger, long runId, long formerRunId, Exception exception);

    [LoggerMessage(
        EventId = 2023,
        Level = LogLevel.Information,
        Message = "Training run {RunId} will read about {Interactions} interactions of {Users} users with {Items} items and take about {RunMebibytes} MiB beside the {ProcessMebibytes} MiB in use, of {LimitMebibytes} MiB"
    )]
    public static partial void Planned(
        this ILogger logger,
        long runId,
        long interactions,
        long users,
        long items,
        long runMebibytes,
        long processMebibytes,
        long limitMebibytes
    );

    [LoggerMessage(EventId = 2022, Level = LogLevel.Warning, Message = "Training run {RunId}: {Warning}")]
    public static partial void Warned(this ILogger logger, long runId, string warning);
}
