// <train>
using RecService.Engine.Data;
using RecService.Engine.Scoring;
using RecService.Engine.Training;

// </train>

namespace RecService.Engine.Tests.Training;

/// <summary>
/// The whole program that the engine's readme begins with: the lines between the marks, of which <see cref="ReadmeTests"/> sees that the readme has
/// them.
/// </summary>
public sealed class ReadmeProgramTests
{
    [Fact]
    public void Ten_lines_train_and_score_a_model()
    {
#pragma warning disable xUnit1051 // The example has no test to be cancelled with.
        // <train>
        var space = new FeatureSpace(["user", "item", "genre"], [0, 0, 1, 1, 1, 2, 2]); // the field of each column: 2 users, 3 items, 2 genres
        var rows = new SparseRowsBuilder();
        foreach (var columns in new int[][] { [0, 2, 5], [0, 3, 6], [1, 2, 5], [1, 4, 6] }) // user, item and genre of each rating
        {
            rows.AddRow(new(columns)); // values may stand behind the columns; here all are 1
        }

        var examples = new ExampleSet(rows.Build(), targets: [5, 1, 2, 4]);
        var model = new Trainer(new() { Factors = 8, Epochs = 50 }).Train(space, examples).Model;
        Console.WriteLine(model.Predict(new Scorer(model).Score(new([0, 4, 6])))); // user 0, item 4 of genre 6
        // </train>
#pragma warning restore xUnit1051
        model.Predict(new Scorer(model).Score(new([0, 4, 6]))).ShouldBeInRange(1, 5);
    }
}
