using RecService.Api.Catalog;
using RecService.Api.Http;
using RecService.Api.Interactions;
using RecService.Api.Storage;

var builder = WebApplication.CreateBuilder(args);
builder.AddStorage();
builder.AddHttpConventions();
builder.AddCatalog();
builder.AddInteractions();
var app = builder.Build();
app.UseHttpConventions();
app.MapCatalog();
app.MapInteractions();
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
