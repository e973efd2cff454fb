using System.Diagnostics;
using System.Runtime.Intrinsics.X86;
using System.Xml.Linq;
using RecService.Engine.Numerics;
using RecService.Engine.Tests.Kernels;
using RecService.Engine.Tests.Layer;

namespace RecService.Engine.Tests.Numerics;

/// <summary>Runs the tests of kernels and gradients again, each time in a process that may use less of the processor than this one.</summary>
public sealed class HardwareIntrinsicsTests(ITestOutputHelper output)
{
    /// <summary>This class must not be among them: it would start itself without end.</summary>
    private static readonly Type[] Repeated = [typeof(KernelTests), typeof(LearnerTests), typeof(FactorizationLayerTests)];

    [Theory]
    [InlineData("DOTNET_EnableHWIntrinsic", "scalar")]
    [InlineData("DOTNET_EnableAVX2", "scalar", "vector128")]
    [InlineData("DOTNET_EnableAVX512", "scalar", "vector128", "vector256")]
    public async Task Kernels_and_gradients_are_right_without_some_of_the_hardware_intrinsics(string switchedOff, params string[] kernels)
    {
        Assert.SkipUnless(X86Base.IsSupported, "The switches are those of x86 processors.");
        var report = Path.GetTempFileName();
        try
        {
            var start = new ProcessStartInfo(
                "dotnet",
                ["exec", typeof(HardwareIntrinsicsTests).Assembly.Location, "-noLogo", "-noColor", "-xml", report]
            )
            {
                UseShellExecute = false,
                RedirectStandardOutput = true,
                RedirectStandardError = true,
                Environment = { [switchedOff] = "0" },
            };
            foreach (var tests in Repeated)
            {
                start.ArgumentList.Add("-class");
                start.ArgumentList.Add(tests.FullName!);
            }

            using var process = Process.Start(start).ShouldNotBeNull();
            var errors = process.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
            var text = await process.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken) + await errors;
            await process.WaitForExitAsync(TestContext.Current.CancellationToken);

            process.ExitCode.ShouldBe(0, text);
            string[] names =
            [
                .. XDocument
                    .Load(report)
                    .Descendants("test")
                    .Where(test => (string?)test.Attribute("result") == "Pass")
                    .Select(test => (string)test.Attribute("name")!),
            ];
            string[] run =
            [
                .. FactorizationKernel
                    .All.Select(kernel => kernel.Name)
                    .Where(kernel => names.Any(name => name.Contains(kernel, StringComparison.Ordinal))),
            ];
            output.WriteLine($"{switchedOff}=0: {names.Length} tests passed, of the kernels {string.Join(", ", run)}");
            run.ShouldBe(FactorizationKernel.All.Select(kernel => kernel.Name).Intersect(kernels));
            // Of each kernel, its scores, and the steps of two tests for every loss and interaction.
            names.Length.ShouldBeGreaterThan(run.Length * (1 + (2 * 3 * 3)));
        }
        finally
        {
            File.Delete(report);
        }
    }
}
