namespace RecService.Api.Training;

/// <summary>One usable interaction, or several that were merged, in terms of row numbers.</summary>
/// <param name="User">Index into <see cref="Cutoff.Users"/>.</param>
/// <param name="Item">Index into <see cref="Cutoff.Items"/>.</param>
/// <param name="Context">Index into <see cref="Cutoff.Contexts"/>.</param>
/// <param name="Target">The value to predict; 1 for a positive, 0 for a dislike.</param>
/// <param name="Weight">The weight, above 0.</param>
/// <param name="Time">When it happened, in seconds since 1970, UTC.</param>
/// <param name="Share">What is left of the weight in the loss once repeats saturate and no user outweighs the others; in histories all of it counts.</param>
internal readonly record struct CutoffRow(int User, int Item, int Context, float Target, float Weight, double Time, float Share = 1)
{
    /// <summary>The weight in the loss.</summary>
    public float TargetWeight => Weight * Share;
}

/// <summary>An item that a user dislikes.</summary>
/// <param name="User">Index into <see cref="Cutoff.Users"/>.</param>
/// <param name="Item">Index into <see cref="Cutoff.Items"/>.</param>
/// <param name="Weight">How much it counts, above 0.</param>
internal readonly record struct Dislike(int User, int Item, float Weight);
