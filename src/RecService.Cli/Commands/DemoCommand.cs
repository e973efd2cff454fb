using System.CommandLine;
using RecService.Cli.Demo;
using RecService.Cli.Service;

namespace RecService.Cli.Commands;

internal static class DemoCommand
{
    public static Command Create()
    {
        var url = new Option<string>("--url") { Description = "Address of the service.", DefaultValueFactory = _ => "http://localhost:8080" };
        var key = new Option<string?>("--key")
        {
            Description = "API key with the role admin; without it, that of the environment variable RECSERVICE_API_KEY.",
            HelpName = "KEY",
        };
        var movieLens = new Option<DirectoryInfo?>("--movielens")
        {
            Description = "Folder of a MovieLens data set (ratings.csv, tags.csv, movies.csv); without it, data is generated.",
            HelpName = "DIR",
        };
        var user = new Option<string?>("--user") { Description = "The user to recommend for; without it, one of the data set's.", HelpName = "ID" };
        var seed = new Option<int>("--seed")
        {
            Description = "Seed of the generated data.",
            DefaultValueFactory = _ => 1,
            HelpName = "N",
        };

        seed.Validators.Add(result =>
        {
            if (result.GetValueOrDefault<int>() < 0)
            {
                result.AddError("--seed must not be negative.");
            }
        });

        var command = new Command("demo", "Loads data into a running service, trains, and prints what it recommends and why.")
        {
            url,
            key,
            movieLens,
            user,
            seed,
        };
        command.SetAction(
            async (parsed, cancellation) =>
            {
                var data = parsed.GetValue(movieLens) is { } folder
                    ? MovieLensData.Open(folder.FullName)
                    : GeneratedData.Create(parsed.GetValue(seed));
                using var service = new RecServiceClient(
                    AddressOf(parsed.GetValue(url)!),
                    parsed.GetValue(key) ?? Environment.GetEnvironmentVariable("RECSERVICE_API_KEY")
                );
                await new DemoRun(service, data, new DemoOutput()).RunAsync(parsed.GetValue(user) ?? data.UserId, cancellation);
                return 0;
            }
        );
        return command;
    }

    private static Uri AddressOf(string url) =>
        Uri.TryCreate(url.EndsWith('/') ? url : url + "/", UriKind.Absolute, out var address) && address.Scheme is "http" or "https"
            ? address
            : throw new CommandFailedException($"'{url}' is not an http address");
}
