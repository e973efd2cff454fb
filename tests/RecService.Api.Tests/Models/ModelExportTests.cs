using System.Net;
using RecService.Api.Tests.Fixtures;
using RecService.Api.Tests.Scoring;
using RecService.Engine.Model;

namespace RecService.Api.Tests.Models;

public sealed class ModelExportTests(TrainedService service) : IClassFixture<TrainedService>
{
    [Fact]
    public async Task A_model_goes_out_in_each_format()
    {
        var stored = await ExportAsync("");
        (await ExportAsync("?format=rfm")).ShouldBe(stored);
        var model = ModelFile.Load(new MemoryStream(stored));
        (await ExportAsync("?format=onnx")).ShouldBe(Written(stream => OnnxFile.Export(stream, model)));
        (await ExportAsync("?format=safetensors")).ShouldBe(Written(stream => SafetensorsFile.Export(stream, model)));
    }

    [Fact]
    public async Task A_file_is_named_after_its_format_and_its_length_is_told_where_it_is_known()
    {
        foreach (var (format, isKnown) in new[] { ("rfm", true), ("onnx", true), ("safetensors", false) })
        {
            using var answer = await service.Client.GetAsync(
                HttpClientExtensions.Address(service.Client, $"/v1/models/{service.ModelVersion}/export?format={format}"),
                HttpCompletionOption.ResponseHeadersRead
            );
            answer.Content.Headers.ContentDisposition!.FileName.ShouldBe($"recservice-model-{service.ModelVersion}.{format}");
            answer.Content.Headers.ContentLength.HasValue.ShouldBe(isKnown, format);
        }
    }

    [Theory]
    [InlineData("")]
    [InlineData("ONNX")]
    [InlineData("pickle")]
    public async Task Another_format_is_refused(string format)
    {
        var problem = await service.Client.GetJsonAsync($"/v1/models/{service.ModelVersion}/export?format={format}", HttpStatusCode.BadRequest);
        problem.Errors().Keys.ShouldBe(["format"]);
        await service.Client.GetJsonAsync("/v1/models/999/export?format=onnx", HttpStatusCode.NotFound);
    }

    private Task<byte[]> ExportAsync(string query) =>
        service.Client.GetByteArrayAsync(HttpClientExtensions.Address(service.Client, $"/v1/models/{service.ModelVersion}/export{query}"));

    private static byte[] Written(Action<Stream> write)
    {
        using var stream = new MemoryStream();
        write(stream);
        return stream.ToArray();
    }
}
