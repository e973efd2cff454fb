namespace RecService.Api.Training;

/// <summary>One usable interaction, or several that were merged, in terms of row numbers.</summary>
/// <param name="User">Index into <see cref="Cutoff.Users"/>.</param>
/// <param name="Item">Index into <see cref="Cutoff.Items"/>.</param>
/// <param name="Context">Index into <see cref="Cutoff.Contexts"/>.</param>
/// <param name="Target">The value to predict; 1 for a positive.</param>
/// <param name="Weight">The weight in the loss, above 0.</param>
/// <param name="Time">When it happened, in UTC ticks.</param>
internal readonly record struct CutoffRow(int User, int Item, int Context, float Target, float Weight, long Time);
