using System.Text;
using System.Text.Json.Nodes;
using RecService.Cli.Commands;

namespace RecService.Engine.Tests.Cli;

/// <summary>How a command ended and what it wrote.</summary>
public sealed record CliResult(int Status, string Output, string Error);

/// <summary>Runs commands in this process, on files in a folder of their own.</summary>
public abstract class CliTest : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("recservice-cli-");

    public void Dispose()
    {
        _folder.Delete(recursive: true);
        GC.SuppressFinalize(this);
    }

    protected string PathOf(string name) => Path.Combine(_folder.FullName, name);

    protected string Write(string name, string text)
    {
        File.WriteAllText(PathOf(name), text);
        return PathOf(name);
    }

    protected static Task<CliResult> RunAsync(params string[] args) => RunWithInputAsync("", args);

    protected static Task<CliResult> RunWithInputAsync(string input, params string[] args) =>
        RunWithInputAsync(new MemoryStream(Encoding.UTF8.GetBytes(input)), args);

    protected static async Task<CliResult> RunWithInputAsync(Stream input, params string[] args)
    {
        var (output, error) = (new StringWriter(), new StringWriter());
        using var streams = new StandardStreams(input, output, error);
        var status = await CommandLine.RunAsync(args, streams);
        return new(status, output.ToString(), error.ToString());
    }

    /// <summary>What a command that must succeed wrote to standard output.</summary>
    protected static async Task<string> OutputAsync(params string[] args)
    {
        var (status, output, error) = await RunAsync(args);
        error.ShouldBe("");
        status.ShouldBe(0);
        return output;
    }

    /// <summary>The object that a command prints, and nothing else, to standard output when it is asked for JSON.</summary>
    protected static async Task<JsonObject> ReportAsync(params string[] args)
    {
        var (status, output, error) = await RunAsync([.. args, "--json"]);
        status.ShouldBe(0, error);
        output.ShouldEndWith("}\n");
        output.Count(c => c == '\n').ShouldBe(1);
        return JsonNode.Parse(output)!.AsObject();
    }

    /// <summary>The line that a command which must fail writes to standard error.</summary>
    protected static async Task<string> FailureAsync(int status, params string[] args)
    {
        var result = await RunAsync(args);
        result.Status.ShouldBe(status, result.Error);
        result.Error.ShouldStartWith("recservice: ");
        result.Error.Count(c => c == '\n').ShouldBe(1);
        return result.Error;
    }

    protected static string[] Keys(JsonNode? node) => [.. node.ShouldBeOfType<JsonObject>().Select(entry => entry.Key)];

    protected static double Number(JsonNode? node) => node.ShouldNotBeNull().GetValue<double>();
}
