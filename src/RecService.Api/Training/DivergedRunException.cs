using RecService.Api.Storage;
using RecService.Engine.Data;
using RecService.Engine.Training;

namespace RecService.Api.Training;

/// <summary>Training diverged; the record of the run names the rows that may have driven it. The message, which logs show, does not.</summary>
/// <param name="diverged">What the trainer says.</param>
/// <param name="cutoff">What it was trained on.</param>
/// <param name="space">The columns.</param>
/// <param name="rowOf">The user and the item of an example, as rows of the cut-off.</param>
internal sealed class DivergedRunException(
    TrainingDivergedException diverged,
    Cutoff cutoff,
    FeatureSpace space,
    Func<FarExample, (int User, int Item)> rowOf
) : Exception(diverged.Message, diverged)
{
    /// <summary>The last erasure of a user before what was trained on.</summary>
    public long ErasureHorizon => cutoff.ErasureHorizon;

    /// <summary>What the record of the run says, without the names of users erased since.</summary>
    public string ErrorWithout(ErasedUsers erased)
    {
        var gone = erased.Among([.. diverged.Examples.Select(UserOf)]);
        return diverged.ReasonWith(far =>
        {
            var user = UserOf(far);
            var named = gone.Contains(user) ? Erasures.ErasedName : Erasures.NameOf(user);
            return $"{named} and item '{cutoff.Items[rowOf(far).Item].Id}' with {far.Describe(FieldOf)}";
        });
    }

    private string UserOf(FarExample far) => cutoff.Users[rowOf(far).User].Id!;

    private string FieldOf(int column) => $"'{space.Fields[space.ColumnFields[column]]}'";
}
