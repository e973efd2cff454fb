namespace RecService.Api.Http;

/// <summary>How long somebody who comes now would wait for a ranking to begin, behind those that wait for one already and some others.</summary>
internal delegate TimeSpan ExpectedWait(int others);
