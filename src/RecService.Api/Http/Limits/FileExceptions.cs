namespace RecService.Api.Http.Limits;

/// <summary>A file has more in it than is taken.</summary>
internal sealed class FileTooLargeException(string reason) : Exception(reason);

/// <summary>A file cannot be put aside, as there is no temporary folder, or no room in it.</summary>
internal sealed class NoTemporaryFilesException(Exception inner)
    : Exception("A Parquet file needs room in the service's temporary folder, which it has not at the moment; NDJSON and CSV do without.", inner);
