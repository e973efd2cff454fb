using System.Security.Claims;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.Extensions.Options;
using RecService.Api.Http.Bulk;
using RecService.Api.Http.Limits;

namespace RecService.Api.Tests.Http;

public sealed class ImportSlotLimitTests
{
    private readonly ImportSlots _slots = new(
        Options.Create(
            new LoadOptions
            {
                Imports = new() { Concurrent = 3, PerKey = 2 },
            }
        )
    );

    [Fact]
    public async Task A_key_has_its_number_of_imports_and_all_keys_have_theirs()
    {
        var ends = new TaskCompletionSource<object?>();
        Task<object?>[] going = [BeginAsync("a", ends.Task), BeginAsync("a", ends.Task), BeginAsync("b", ends.Task)];

        (await RefusalAsync("a", ends.Task)).ShouldBe(StatusCodes.Status429TooManyRequests);
        (await RefusalAsync("b", ends.Task)).ShouldBe(StatusCodes.Status503ServiceUnavailable);
        (await RefusalAsync("c", ends.Task)).ShouldBe(StatusCodes.Status503ServiceUnavailable);

        ends.SetResult("done");
        (await Task.WhenAll(going)).ShouldAllBe(result => Equals(result, "done"));
        (await BeginAsync("c", Task.FromResult<object?>("done"))).ShouldBe("done");
    }

    [Fact]
    public async Task An_import_that_fails_gives_its_slot_back()
    {
        for (var import = 0; import < 5; import++)
        {
            await Should.ThrowAsync<IOException>(() => BeginAsync("a", Task.FromException<object?>(new IOException())));
        }

        (await BeginAsync("a", Task.FromResult<object?>("done"))).ShouldBe("done");
    }

    private Task<object?> BeginAsync(string key, Task<object?> import)
    {
        var http = new DefaultHttpContext { User = new(new ClaimsIdentity([new(ClaimTypes.Name, key)], "key")) };
        return _slots.InvokeAsync(EndpointFilterInvocationContext.Create(http), _ => new(import)).AsTask();
    }

    private async Task<int> RefusalAsync(string key, Task<object?> import)
    {
        var answer = BeginAsync(key, import);
        answer.IsCompleted.ShouldBeTrue("the import was let in");
        return (await answer).ShouldBeOfType<ProblemHttpResult>().StatusCode;
    }
}
