namespace RecService.Api.Scoring;

/// <summary>
/// Tells whether anything that is stored of a user has changed: the row, and which interactions there are. Interactions are stored and deleted, and never changed in
/// their places.
/// </summary>
/// <param name="Key">The user in the store; another one for whoever comes back after an erasure.</param>
/// <param name="Row">The transaction that wrote the user's row.</param>
/// <param name="Count">How many interactions there are.</param>
/// <param name="Hash">A sum of the hashes of their keys, so that those that came in the places of others tell.</param>
internal readonly record struct UserVersion(long Key, uint Row, long Count, long Hash);
