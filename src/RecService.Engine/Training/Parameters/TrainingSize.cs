using RecService.Engine.Data;
using RecService.Engine.Kernels;
using RecService.Engine.Model;

namespace RecService.Engine.Training.Parameters;

/// <summary>What is too large to be trained.</summary>
internal static class TrainingSize
{
    /// <summary>Every pair of fields has a weight, and models keep them as a square.</summary>
    private const int MostWeightedFields = 4096;

    /// <exception cref="ArgumentException">The space is too large, or lacks a field that the settings name.</exception>
    public static void Check(FeatureSpace space, TrainingSettings settings, bool keepsState)
    {
        if (settings.L2ByField?.Keys.FirstOrDefault(field => !space.Fields.Contains(field, StringComparer.Ordinal)) is { } unknown)
        {
            throw new ArgumentException($"{nameof(TrainingSettings.L2ByField)} names the field '{unknown}', which the space has not.", nameof(space));
        }

        if (settings.Crossing == Crossing.FieldWeighted && space.FieldCount > MostWeightedFields)
        {
            throw new ArgumentException($"Field weights are for {MostWeightedFields} fields at most; there are {space.FieldCount}.", nameof(space));
        }

        var sums = keepsState ? Math.Max(1, KernelChoice.PlanesOf(settings.Solver) - 1) : 1;
        if ((long)space.FactorCount * ((settings.VectorLengthOf(space) + 15L) / 16 * 16) * sums > Array.MaxLength)
        {
            throw new ArgumentException(
                $"A model{(keepsState ? " with its state" : "")} of {space.FactorCount} latent vectors of {settings.VectorLengthOf(space)} numbers is larger than can be kept.",
                nameof(space)
            );
        }
    }
}
