using RecService.Cli.Commands;

using var streams = StandardStreams.OfProcess();
return await CommandLine.RunAsync(args, streams);
