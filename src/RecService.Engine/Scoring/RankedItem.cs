namespace RecService.Engine.Scoring;

/// <summary>An item and its score, or its similarity.</summary>
/// <param name="Item">Row of the item.</param>
/// <param name="Score">Score of the joined row, or cosine.</param>
public readonly record struct RankedItem(int Item, float Score);
