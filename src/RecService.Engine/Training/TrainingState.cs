using RecService.Engine.Files;
using RecService.Engine.Kernels;
using RecService.Engine.Kernels.Rows;
using RecService.Engine.Model;

namespace RecService.Engine.Training;

/// <summary>
/// Where a training run stood at the epoch that it kept: the model, and what the solver keeps of its parameters. A later run starts from there
/// (<see cref="Trainer.Train"/>), with features that have come and gone since.
/// </summary>
/// <remarks>
/// A file is 8 bytes of magic number and a 32-bit format version, then content in the chunks of <see cref="ChecksumFraming"/>, each sealed by a
/// SHA-256. The
/// content is the name of the solver, the content of a model file, the solver's sums of the factors (for each factor row, k float32 of each sum),
/// those of the
/// weights (of each column, of the bias and of the F × F field weights), and for Adam the 32-bit counts of touches of factor rows and weights. All is
/// little-endian.
/// </remarks>
public sealed class TrainingState
{
    /// <summary>The format version that is written, and the newest that is read. Version 1 is that of models without histories.</summary>
    public const int FormatVersion = 2;

    private const int VersionWithoutHistories = 1;

    private static readonly SealedFormat Format = new("training state", "RSTS"u8, VersionWithoutHistories, FormatVersion, (message, inner) =>
        inner is null ? new ModelFormatException(message) : new ModelFormatException(message, inner)
    );

    private readonly float[] _factorSums;
    private readonly float[] _weightSums;

    private TrainingState(
        FactorizationModel model,
        Solver? solver,
        int sums,
        float[] factorSums,
        float[] weightSums,
        int[] factorTouches,
        int[] weightTouches
    )
    {
        Model = model;
        Solver = solver;
        Sums = sums;
        _factorSums = factorSums;
        _weightSums = weightSums;
        FactorTouches = factorTouches;
        WeightTouches = weightTouches;
    }

    /// <summary>The model.</summary>
    public FactorizationModel Model { get; }

    /// <summary>The solver whose sums are there, or null; another solver starts with its own initial ones.</summary>
    public Solver? Solver { get; }

    /// <summary>How many sums the solver keeps of a parameter.</summary>
    internal int Sums { get; }

    /// <summary>How often each factor row was touched, where the solver counts.</summary>
    internal int[] FactorTouches { get; }

    /// <summary>How often each weight was touched, where the solver counts.</summary>
    internal int[] WeightTouches { get; }

    /// <summary>The state of a model of which nothing else is known.</summary>
    public static TrainingState Of(FactorizationModel model)
    {
        ArgumentNullException.ThrowIfNull(model);
        return new(model, null, 0, [], [], [], []);
    }

    /// <summary>
    /// The state as if it had never had the ids of these users: that of <see cref="FactorizationModel.WithoutUsers"/>, with sums and counts of 0
    /// where it has 0.
    /// </summary>
    /// <param name="userIds">The ids.</param>
    /// <returns>A state of its own; this one when its model has none of the ids, or no index.</returns>
    public TrainingState WithoutUsers(IReadOnlySet<string> userIds)
    {
        var model = Model.WithoutUsers(userIds);
        if (ReferenceEquals(model, Model))
        {
            return this;
        }

        var state = new TrainingState(model, Solver, Sums, [.. _factorSums], [.. _weightSums], [.. FactorTouches], [.. WeightTouches]);
        foreach (var column in Model.Features!.WithoutUsers(userIds).Columns)
        {
            var factor = model.Space.FactorOf(column);
            for (var sum = 0; sum < Sums; sum++)
            {
                state.FactorSumsOf(factor, sum).Clear();
            }

            state.WeightSumsOf(column).Clear();
            if (WeightTouches.Length > 0)
            {
                (state.FactorTouches[factor], state.WeightTouches[column]) = (0, 0);
            }
        }

        return state;
    }

    /// <summary>Whether a file that starts with these bytes, at least 8, is one of these.</summary>
    public static bool IsStartOf(ReadOnlySpan<byte> bytes) => Format.IsStartOf(bytes);

    /// <summary>Writes the state; the stream need not be seekable and stays open.</summary>
    public void Save(Stream stream) => Format.Save(stream, writer =>
        {
            writer.Write(Solver?.ToString() ?? "");
            ModelFile.Write(writer, Model);
            writer.WriteNumbers(_factorSums);
            writer.WriteNumbers(_weightSums);
            writer.WriteNumbers(FactorTouches);
            writer.WriteNumbers(WeightTouches);
        }, Model.History is null ? VersionWithoutHistories : FormatVersion);

    /// <summary>Reads a state to the end of the stream, which need not be seekable and stays open.</summary>
    /// <exception cref="ModelFormatException">The stream holds no state, a damaged one, or one of another format version.</exception>
    public static TrainingState Load(Stream stream) => Format.Load(stream, reader =>
        {
            Solver? solver = reader.ReadString() switch
            {
                "" => null,
                var name when Enum.TryParse<Solver>(name, out var known) && Enum.IsDefined(known) => known,
                var name => throw new InvalidDataException($"'{name}' is no solver."),
            };
            var model = ModelFile.Read(reader);
            var (sums, parameters, touches) = ShapeOf(model, solver);
            return new TrainingState(
                model,
                solver,
                sums,
                reader.ReadNumbers<float>(checked(model.Space.FactorCount * sums * model.VectorLength)),
                reader.ReadNumbers<float>(checked(parameters * sums)),
                reader.ReadNumbers<int>(touches ? model.Space.FactorCount : 0),
                reader.ReadNumbers<int>(touches ? parameters : 0)
            ).Checked();
        });

    /// <summary>A state to be filled.</summary>
    internal static TrainingState Empty(FactorizationModel model, Solver solver)
    {
        var (sums, parameters, touches) = ShapeOf(model, solver);
        return new(
            model,
            solver,
            sums,
            new float[checked(model.Space.FactorCount * sums * model.VectorLength)],
            new float[checked(parameters * sums)],
            new int[touches ? model.Space.FactorCount : 0],
            new int[touches ? parameters : 0]
        );
    }

    /// <summary>A sum of each factor of a factor row.</summary>
    internal Span<float> FactorSumsOf(int factor, int sum) => _factorSums.AsSpan(((factor * Sums) + sum) * Model.VectorLength, Model.VectorLength);

    /// <summary>The sums of the weight of a column; behind the columns, of the bias and of the field weights.</summary>
    internal Span<float> WeightSumsOf(int parameter) => _weightSums.AsSpan(parameter * Sums, Sums);

    private static (int Sums, int Parameters, bool Touches) ShapeOf(FactorizationModel model, Solver? solver) =>
        (
            solver is null ? 0 : KernelChoice.PlanesOf(solver.Value) - 1,
            model.Space.ColumnCount + ParameterTables.SpecialsOf(model.Space, model.Crossing),
            solver == Kernels.Solver.Adam
        );

    private TrainingState Checked()
    {
        foreach (var sums in new[] { _factorSums, _weightSums })
        {
            foreach (var sum in sums)
            {
                if (!float.IsFinite(sum))
                {
                    throw new InvalidDataException("a sum is not finite.");
                }
            }
        }

        return FactorTouches.AsSpan().ContainsAnyExceptInRange(0, int.MaxValue) || WeightTouches.AsSpan().ContainsAnyExceptInRange(0, int.MaxValue)
            ? throw new InvalidDataException("a count of touches is negative.")
            : this;
    }
}
