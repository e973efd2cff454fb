using RecService.Cli.Commands;

using var streams = StandardStreams.OfProcess();
return await Cli.RunAsync(args, streams);
