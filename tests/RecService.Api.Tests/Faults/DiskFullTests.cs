using System.Diagnostics;
using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using RecService.Api.Tests.Fixtures;

namespace RecService.Api.Tests.Faults;

[Collection(nameof(OneFaultAtATime)), Trait("Category", "Faults")]
public sealed class DiskFullTests(ITestOutputHelper output)
{
    private const int Megabytes = 90;

    [Fact]
    public async Task With_a_full_disk_the_service_acknowledges_nothing_that_is_lost_and_goes_on_when_there_is_room()
    {
        var directory = Directory.CreateDirectory(TemporaryDirectory.NewPath()).FullName;
        try
        {
            if (await RunAsync("mount", "-t", "tmpfs", "-o", $"size={Megabytes}m,mode=0755", "tmpfs", directory) != 0)
            {
                Assert.Skip("A file system of limited size cannot be mounted here.");
            }

            var data = Path.Combine(directory, "data");
            long acknowledged;
            using (var service = New(data))
            {
                using var client = await service.ClientAsync();
                acknowledged = await FillAsync(client);
            }

            output.WriteLine($"{acknowledged} interactions acknowledged until the disk of {Megabytes} MB was full");
            acknowledged.ShouldBeGreaterThan(0);
            (await RunAsync("mount", "-o", $"remount,size={4 * Megabytes}m", directory)).ShouldBe(0);
            using (var service = New(data))
            {
                using var client = await service.ClientAsync();
                (await CountAsync(client)).ShouldBe(acknowledged);
                await PostAsync(client, acknowledged);
                (await service.StopAsync("TERM")).ShouldBe(0, service.Output);
            }
        }
        finally
        {
            await RunAsync("umount", "--lazy", directory);
            Directory.Delete(directory, recursive: true);
        }
    }

    /// <summary>Writes until nothing goes any more, be it that the service says so or that its database has given up.</summary>
    private static async Task<long> FillAsync(HttpClient client)
    {
        long acknowledged = 0;
        for (var refusals = 0; refusals < 5;)
        {
            try
            {
                using var answer = await PostAsync(client, acknowledged);
                if (answer.StatusCode == HttpStatusCode.OK)
                {
                    acknowledged += (await answer.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("accepted").GetInt64();
                    refusals = 0;
                    continue;
                }

                answer.StatusCode.ShouldBe(HttpStatusCode.ServiceUnavailable, await answer.Content.ReadAsStringAsync());
                refusals++;
            }
            catch (HttpRequestException)
            {
                return acknowledged;
            }
        }

        return acknowledged;
    }

    private static Task<HttpResponseMessage> PostAsync(HttpClient client, long first) =>
        client.PostAsJsonAsync(
            "/v1/interactions",
            new
            {
                interactions = Enumerable
                    .Range(0, 5000)
                    .Select(i => new
                    {
                        userId = $"u{i % 100}",
                        itemId = $"i{i % 100}",
                        type = "view",
                        interactionId = $"{first + i}",
                        context = new { text = new string('x', 200) },
                    }),
            }
        );

    private static async Task<long> CountAsync(HttpClient client)
    {
        long count = 0;
        string? cursor = null;
        do
        {
            var page = await client.GetJsonAsync($"/v1/interactions?limit=1000{(cursor is null ? "" : "&cursor=" + cursor)}");
            count += page.GetProperty("interactions").GetArrayLength();
            cursor = page.GetProperty("nextCursor").GetString();
        } while (cursor is not null);

        return count;
    }

    private static async Task<int> RunAsync(string program, params string[] arguments)
    {
        using var process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardError = true, UseShellExecute = false })!;
        await process.WaitForExitAsync();
        return process.ExitCode;
    }

    private static ServiceProcess New(string directory) =>
        new(("Database:Embedded", "true"), ("Database:DataDirectory", directory), ("Training:Enabled", "false"));
}
