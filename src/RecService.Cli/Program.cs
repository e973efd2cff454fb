using System.CommandLine;
using RecService.Cli.Commands;

var root = new RootCommand("Works with RecService, a recommendation service.") { DemoCommand.Create() };
return await Cli.RunAsync(root, args);
