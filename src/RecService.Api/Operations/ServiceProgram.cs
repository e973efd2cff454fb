using Microsoft.Extensions.Options;
using RecService.Api.Dashboard;
using RecService.Api.Storage;

namespace RecService.Api.Operations;

/// <summary>The service as a program of its own; public so that tests can host it.</summary>
public sealed class ServiceProgram
{
    private ServiceProgram() { }

    /// <summary>Serves until it is told to stop, or does what the command says.</summary>
    public static async Task<int> Main(string[] args)
    {
        // The settings file lies beside the program, wherever that is started from.
        var builder = WebApplication.CreateBuilder(new WebApplicationOptions { Args = args, ContentRootPath = AppContext.BaseDirectory });
        if (args is [HealthProbe.Command, ..])
        {
            return await HealthProbe.RunAsync(builder.Configuration);
        }

        if (args is [var word, ..] && word is not MigrateCommand.Command && word is not ['-' or '/', ..] && !word.Contains('=', StringComparison.Ordinal))
        {
            await Console.Error.WriteLineAsync(
                $"There is no command '{word}', only {MigrateCommand.Command} and {HealthProbe.Command}; settings begin with --."
            );
            return 2;
        }

        try
        {
            if (args is [MigrateCommand.Command, ..])
            {
                await MigrateCommand.RunAsync(builder);
                return 0;
            }

            await using var app = builder.AddService().Build();
            app.UseService(isStandalone: true);
            var stopping = app.Lifetime.ApplicationStopping;
            var withDashboard = app.Services.GetRequiredService<IOptions<DashboardOptions>>().Value.Enabled;
            app.Lifetime.ApplicationStarted.Register(() => app.Logger.CanBeExplored([.. app.Urls], withDashboard));
            try
            {
                await app.RunAsync();
            }
            catch (OperationCanceledException) when (stopping.IsCancellationRequested)
            {
                // It was told to stop before it had started.
            }

            return Environment.ExitCode;
        }
        catch (Exception exception)
            when (exception
                    is StartupException
                        or OptionsValidationException
                        or InvalidOperationException { InnerException: FormatException or OverflowException }
            )
        {
            // What the operator has to mend is a sentence; anything else deserves its stack.
            await Console.Error.WriteLineAsync(exception.Message);
            return 1;
        }
    }
}
