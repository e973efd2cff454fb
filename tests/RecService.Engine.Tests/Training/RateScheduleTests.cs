using RecService.Engine.Kernels;
using RecService.Engine.Training;

namespace RecService.Engine.Tests.Training;

public sealed class RateScheduleTests
{
    [Theory]
    [InlineData(1, 0.2)]
    [InlineData(2, 0.17071068)]
    [InlineData(3, 0.1)]
    [InlineData(4, 0.029289322)]
    public void The_cosine_begins_with_the_whole_rate_and_would_be_0_one_epoch_after_the_last(int epoch, double expected) =>
        Settings(RateSchedule.Cosine).RateOf(epoch).ShouldBe((float)expected, 1e-7f);

    [Theory]
    [InlineData(1, 0.2)]
    [InlineData(4, 0.1)]
    public void The_inverse_square_root_is_that_of_the_epoch(int epoch, double expected) =>
        Settings(RateSchedule.InverseSquareRoot).RateOf(epoch).ShouldBe((float)expected, 1e-7f);

    [Theory]
    [InlineData(1)]
    [InlineData(4)]
    public void A_constant_rate_stays(int epoch) => Settings(RateSchedule.Constant).RateOf(epoch).ShouldBe(0.2f);

    private static TrainingSettings Settings(RateSchedule schedule) =>
        new()
        {
            Schedule = schedule,
            LearningRate = 0.2f,
            Epochs = 4,
        };
}
