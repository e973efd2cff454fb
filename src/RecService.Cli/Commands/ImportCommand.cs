using System.CommandLine;
using RecService.Cli.Import;
using RecService.Cli.Output;

namespace RecService.Cli.Commands;

/// <summary><c>recservice import</c>.</summary>
internal static class ImportCommand
{
    private const string Interactions = "interactions";

    public static Command Create(StandardStreams streams)
    {
        var service = new ServiceOptions("ingest");
        var kind = new Argument<string>("KIND") { Description = "What the files have in them.", HelpName = "interactions|users|items" };
        kind.Validators.Add(result =>
        {
            if (result.Tokens is [var word] && word.Value is not (Interactions or "users" or "items"))
            {
                result.AddError($"'{word.Value}' is nothing to import; it must be interactions, users or items.");
            }
        });
        var files = new Argument<string[]>("FILE")
        {
            Description = "CSV with a header row, NDJSON or Parquet, which the content tells; each may be of gzip. '-' is standard input.",
            Arity = ArgumentArity.OneOrMore,
        };
        var map = Pairs("--map", "FIELD=COLUMN", "CSV, Parquet: what is called FIELD in the service is the column COLUMN of the file.");
        var set = Pairs("--set", "FIELD=VALUE", "CSV, Parquet: FIELD has this value in all rows.");
        var type = new Option<string?>("--type") { Description = "CSV, Parquet: the type of all interactions, as --set type=TYPE.", HelpName = "TYPE" };
        var ignore = new Option<string[]>("--ignore") { Description = "CSV, Parquet: a column that is not read.", HelpName = "COLUMN", DefaultValueFactory = _ => [] };
        var rows = Options.Count(
            "--part-rows",
            "How many rows of CSV and NDJSON are sent, and stored, at a time; a Parquet file goes as a whole. Another number makes other parts, which the service does not know again.",
            20_000,
            least: 1,
            most: 1_000_000
        );
        var allowed = Options.Count("--allow-rejected", "How many rows may be rejected before the exit code is 1.", 0, least: 0);
        var retry = Options.Count("--retry-seconds", "How long a part is sent again while the service is away or busy.", 300, least: 0);
        var json = Options.Json();
        var command = new CommandWithExample(
            "import",
            "Sends files to a running service, and again where it has to: what is stored is not stored twice.",
            """
            recservice import interactions ratings.csv --map itemId=movieId --map value=rating --map occurredAt=timestamp --type rating
            recservice import items movies.csv --map itemId=movieId --map tags=genres --map metadata.title=title
            """
        )
        {
            kind,
            files,
            service.Url,
            service.Key,
            map,
            set,
            type,
            ignore,
            rows,
            allowed,
            retry,
            json,
        };
        command.Validators.Add(result =>
        {
            if (result.GetValue(type) is not null && result.GetValue(kind) != Interactions)
            {
                result.AddError("--type is for interactions.");
            }
        });
        command.SetAction(
            async (parsed, cancellation) =>
            {
                await using var services = service.Open(parsed, out var client);
                var settings = new ImportSettings(
                    parsed.GetValue(kind)!,
                    [
                        .. parsed.GetValue(map)!.Select(Pair),
                        .. parsed.GetValue(set)!.Select(Pair).Select(pair => (pair.Name, '=' + pair.Value)),
                        .. parsed.GetValue(type) is { } all ? [("type", '=' + all)] : Array.Empty<(string, string)>(),
                        .. parsed.GetValue(ignore)!.Select(column => ("ignore", column)),
                    ],
                    rows.In(parsed),
                    TimeSpan.FromSeconds(retry.In(parsed))
                );
                var progress = new ImportProgress(streams.Error, streams.ErrorIsTerminal);
                var run = new ImportRun(client, settings, streams.Input, progress);
                try
                {
                    await run.SendAsync(parsed.GetValue(files)!, cancellation);
                }
                catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
                {
                    progress.Line($"Interrupted. {run.Report.Summary(progress.Elapsed)}. {ImportReport.GoOn}");
                    throw;
                }

                progress.End();
                run.Report.WriteRejected(streams.Error.WriteLine);
                if (parsed.GetValue(json))
                {
                    Report.Write(streams.Output, run.Report.ToJson(progress.Elapsed));
                }
                else
                {
                    await streams.Output.WriteLineAsync(run.Report.Summary(progress.Elapsed));
                }

                return run.Report.Rejected > allowed.In(parsed) ? 1 : 0;
            }
        );
        return command;
    }

    private static Option<string[]> Pairs(string name, string form, string description)
    {
        var option = new Option<string[]>(name)
        {
            Description = description,
            HelpName = form,
            DefaultValueFactory = _ => [],
        };
        option.Validators.Add(result =>
        {
            if (result.Tokens.FirstOrDefault(token => token.Value.IndexOf('=', StringComparison.Ordinal) < 1) is { } wrong)
            {
                result.AddError($"{name} is '{wrong.Value}'; it must be {form}.");
            }
        });
        return option;
    }

    private static (string Name, string Value) Pair(string text)
    {
        var parts = text.Split('=', 2);
        return (parts[0], parts[1]);
    }
}
