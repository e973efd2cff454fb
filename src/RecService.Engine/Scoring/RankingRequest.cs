using RecService.Engine.Data;
using RecService.Engine.Data.Histories;

namespace RecService.Engine.Scoring;

/// <summary>What a catalogue is to be ranked for. Nothing of it may change while it is.</summary>
/// <param name="Row">The request's columns.</param>
/// <param name="Count">How many items at most.</param>
/// <param name="Allowed">The items that may be found; null for all.</param>
/// <param name="Repeats">
/// The items of the request's history (<see cref="PooledHistory.Repeats"/>): they are scored as <see cref="ItemRanker.Join"/> has them.
/// </param>
public sealed record RankingRequest(RowBuffer Row, int Count, ItemSet? Allowed = null, IReadOnlyList<RepeatedItem>? Repeats = null);
