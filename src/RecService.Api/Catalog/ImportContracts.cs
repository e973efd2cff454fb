using RecService.Api.Http.Bulk;

namespace RecService.Api.Catalog;

/// <summary>What became of the lines of an import. All accepted lines were committed together.</summary>
/// <param name="Accepted">The number of lines that are stored.</param>
/// <param name="Rejected">The number of lines that were left out as invalid.</param>
/// <param name="Errors">The reasons, for the first 1,000 of the rejected lines.</param>
/// <param name="ErrorsTruncated">Whether there were more errors than are listed.</param>
internal sealed record ImportResponse(long Accepted, long Rejected, IReadOnlyList<LineError> Errors, bool ErrorsTruncated);
