using RecService.Engine.Data;
using RecService.Engine.Model;

namespace RecService.Engine.Kernels.Rows;

/// <summary>
/// The tables of parameters. A factor row is <c>Stride</c> floats of a latent vector, and beside them what the solver keeps of each; a weight row is
/// a number and
/// what the solver keeps of it. Weight rows are the columns, then the bias, then the F × F field weights.
/// </summary>
internal unsafe struct ParameterTables
{
    public float* Factors;

    public float* Weights;

    /// <summary>Floats from one factor row to the next.</summary>
    public nuint FactorBlock;

    /// <summary>Floats from one weight row to the next.</summary>
    public nuint WeightBlock;

    /// <summary>Floats of a latent vector: a multiple of the register's width.</summary>
    public int Stride;

    /// <summary>w0, and what the solver keeps of it.</summary>
    public float* Bias;

    /// <summary>r_00; r_fg with f &lt; g is F · f + g weight rows behind it.</summary>
    public float* FieldWeights;

    /// <summary>F.</summary>
    public int FieldCount;

    /// <summary>Floats of a field-aware latent vector that are for one field: k.</summary>
    public int FieldLength;

    /// <summary>Of field-aware vectors: <see cref="FieldAwarePass.OwnParts"/>.</summary>
    public float* OwnParts;

    /// <summary>Field of each column, by weight row; needed where fields have weights or vectors are for fields.</summary>
    public int* Fields;

    /// <summary>The weight row that a pointer into <see cref="Weights"/> is in.</summary>
    public readonly nuint WeightRowAt(float* weight) => (nuint)(weight - Weights) / WeightBlock;

    /// <summary>How many entries ahead a forward pass fetches parameters, up to <see cref="RowBatch.Lookahead"/>; 0 for not at all.</summary>
    public int FetchAhead;

    /// <summary>Whether a backward pass fetches the parameters of the rows that are next to go forward.</summary>
    public bool FetchNext;

    /// <summary>How many parameters no column has: the bias and the field weights.</summary>
    public static int SpecialsOf(FeatureSpace space, Crossing crossing) =>
        1 + (crossing == Crossing.FieldWeighted ? checked(space.FieldCount * space.FieldCount) : 0);

    /// <summary>Floats that latent vectors of a length take in training.</summary>
    public static int StrideOf(int length) => length is > 0 and <= 8 ? 8 : FactorizationModel.StrideOf(length);
}
