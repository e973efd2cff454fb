using Microsoft.Extensions.Options;

namespace RecService.Api.Training;

internal static class TrainingExtensions
{
    /// <summary>Adds training, on a schedule and on demand.</summary>
    public static IHostApplicationBuilder AddTraining(this IHostApplicationBuilder builder)
    {
        builder
            .Services.AddOptions<TrainingOptions>()
            .BindConfiguration("Training", binder => binder.ErrorOnUnknownConfiguration = true)
            .PostConfigure(options => options.SetDefaultsOfObjective())
            .ValidateOnStart();
        builder.Services.AddSingleton<IValidateOptions<TrainingOptions>, TrainingOptionsValidation>();
        builder.Services.AddSingleton(provider => provider.GetRequiredService<IOptions<TrainingOptions>>().Value.ToFeedback());
        builder.Services.AddSingleton<CutoffReader>();
        builder.Services.AddSingleton<FormerFits>();
        builder.Services.AddSingleton<RunStore>();
        builder.Services.AddSingleton<RunWatch>();
        builder.Services.AddSingleton<RunCompletion>();
        builder.Services.AddSingleton<RunPlanner>();
        builder.Services.AddSingleton<RunExecutor>();
        builder.Services.AddSingleton<RunSupervisor>();
        builder.Services.AddSingleton<RunStarter>();
        builder.Services.AddSingleton<RunScheduler>();
        builder.Services.AddHostedService(provider => provider.GetRequiredService<RunScheduler>());
        return builder;
    }

    public static IEndpointRouteBuilder MapTraining(this IEndpointRouteBuilder routes)
    {
        routes.MapRunEndpoints();
        return routes;
    }
}
