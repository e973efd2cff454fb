using RecService.Api.Storage;

var builder = WebApplication.CreateBuilder(args);
builder.AddStorage();
var app = builder.Build();
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
