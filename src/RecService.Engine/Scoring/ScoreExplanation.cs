namespace RecService.Engine.Scoring;

/// <summary>The parts of a score; bias, linear parts and pairs sum to the score within 1e-5 · (1 + Σ|parts|).</summary>
/// <param name="Score">The score.</param>
/// <param name="Bias">w0.</param>
/// <param name="Linear">Σ w_i x_i of each field that the row has, in the order of the fields.</param>
/// <param name="Pairs">
/// ⟨p_f, p_g⟩ of each two fields that the row has, in a field-weighted model times r_fg; in plain and field-aware models also the pairs within a field, as (f, f).
/// </param>
public sealed record ScoreExplanation(float Score, float Bias, IReadOnlyList<FieldContribution> Linear, IReadOnlyList<PairContribution> Pairs);

/// <summary>What the linear weights of a field add to a score.</summary>
public readonly record struct FieldContribution(string Field, float Value);

/// <summary>What the features of two fields add to a score by crossing.</summary>
public readonly record struct PairContribution(string FieldA, string FieldB, float Value);

/// <summary>What an entry of a history adds to the score of an item.</summary>
/// <param name="Event">Index of the history's event.</param>
/// <param name="Column">The column: the earlier item itself, or one of its tags, as part of the long history or of the recent one.</param>
/// <param name="Value">What it adds.</param>
public readonly record struct HistoryContribution(int Event, int Column, float Value);
