using RecService.Api.Operations;
using RecService.Api.Storage;

var builder = WebApplication.CreateBuilder(args);
if (args is [HealthProbe.Command, ..])
    return await HealthProbe.RunAsync(builder.Configuration);

await using var app = builder.AddRecService().Build();
app.UseRecService();
try
{
    await app.RunAsync();
    return Environment.ExitCode;
}
catch (StartupException exception)
{
    await Console.Error.WriteLineAsync(exception.Message);
    return 1;
}

/// <summary>The service's entry point; public so that tests can host it.</summary>
public partial class Program;
