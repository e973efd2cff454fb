using RecService.Api.Tests.Fixtures;

namespace RecService.Api.Tests.Clients;

/// <summary>The .NET client is generated of a file beside it: that file says what the service does.</summary>
public sealed class ClientContractTests(ServiceFixture service) : IClassFixture<ServiceFixture>
{
    private static readonly string Stored = Path.Combine(Repository.Root, "src", "RecService.Client", "contract.json");

    [Fact]
    public async Task The_client_is_generated_of_what_the_service_says()
    {
        _ = service.Client;
        var contract = ClientContract.From(Contract.OfService.Text);
        if (Environment.GetEnvironmentVariable("RECSERVICE_CONTRACT") is "write")
        {
            await File.WriteAllTextAsync(Stored, contract);
        }

        (await File.ReadAllTextAsync(Stored)).ShouldBe(contract, "./build.sh contract writes it anew");
    }
}
