using Microsoft.Extensions.Options;

namespace RecService.Api.Interactions;

internal static class InteractionsExtensions
{
    public static IHostApplicationBuilder AddInteractions(this IHostApplicationBuilder builder)
    {
        builder.Services.AddSingleton<InteractionImporter>();
        builder.Services.AddSingleton<InteractionFigures>();
        builder.Services.AddSingleton<BatchReader>();
        builder.Services.AddSingleton<BatchWriter>();
        builder.Services.AddHostedService<IdempotencyKeys>();
        builder
            .Services.AddOptions<InteractionsOptions>()
            .BindConfiguration(InteractionsOptions.Section, binder => binder.ErrorOnUnknownConfiguration = true)
            .ValidateOnStart();
        builder.Services.AddSingleton<IValidateOptions<InteractionsOptions>, InteractionsOptionsValidation>();
        builder
            .Services.AddOptions<RetentionOptions>()
            .BindConfiguration(RetentionOptions.Section, binder => binder.ErrorOnUnknownConfiguration = true)
            .ValidateOnStart();
        builder.Services.AddSingleton<IValidateOptions<RetentionOptions>, RetentionOptionsValidation>();
        builder.Services.AddSingleton<Retention>();
        builder.Services.AddHostedService(provider => provider.GetRequiredService<Retention>());
        return builder;
    }

    public static IEndpointRouteBuilder MapInteractions(this IEndpointRouteBuilder routes)
    {
        routes.MapInteractionEndpoints();
        return routes;
    }
}
