using System.CommandLine;
using RecService.Cli.Demo;

namespace RecService.Cli.Commands;

internal static class DemoCommand
{
    public static Command Create()
    {
        var service = new ServiceOptions("admin");
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
            service.Url,
            service.Key,
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
                await using var services = service.Open(parsed, out var client);
                await new DemoRun(client, service.AddressOf(parsed), data, new DemoOutput()).RunAsync(parsed.GetValue(user) ?? data.UserId, cancellation);
                return 0;
            }
        );
        return command;
    }
}
