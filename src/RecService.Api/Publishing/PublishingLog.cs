namespace RecService.Api.Publishing;

internal static partial class PublishingLog
{
    [LoggerMessage(
        EventId = 3001,
        Level = LogLevel.Information,
        Message = "Snapshot published: model {ModelVersion}, {Items} items, {Milliseconds:F0} ms"
    )]
    public static partial void SnapshotPublished(this ILogger logger, long modelVersion, int items, double milliseconds);

    [LoggerMessage(
        EventId = 3008,
        Level = LogLevel.Information,
        Message = "Snapshot published: no model yet, {Items} items, {Milliseconds:F0} ms"
    )]
    public static partial void SnapshotPublished(this ILogger logger, int items, double milliseconds);

    [LoggerMessage(EventId = 3002, Level = LogLevel.Error, Message = "Model {ModelVersion} is not fit to be served; model {ServedVersion} stays")]
    public static partial void ModelRefused(this ILogger logger, long modelVersion, long? servedVersion, Exception exception);

    [LoggerMessage(EventId = 3003, Level = LogLevel.Error, Message = "The snapshot could not be brought up to date; the old one stays")]
    public static partial void RefreshFailed(this ILogger logger, Exception exception);

    [LoggerMessage(
        EventId = 3009,
        Level = LogLevel.Debug,
        Message = "Catalogue followed: {Items} items, {Counts} numbers of users, {Milliseconds:F0} ms"
    )]
    public static partial void CatalogueFollowed(this ILogger logger, int items, int counts, double milliseconds);

    [LoggerMessage(
        EventId = 3010,
        Level = LogLevel.Error,
        Message = "The item with key {ItemKey} has no finite score by model {ModelVersion}; it is left out"
    )]
    public static partial void ItemLeftOut(this ILogger logger, long itemKey, long modelVersion);
}
