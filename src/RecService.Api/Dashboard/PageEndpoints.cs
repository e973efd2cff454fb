using Microsoft.AspNetCore.Components;
using Microsoft.AspNetCore.Http.HttpResults;
using RecService.Api.Dashboard.Pages;
using RecService.Api.Dashboard.Parts;
using RecService.Api.Http.Limits;
using RecService.Api.Training;

namespace RecService.Api.Dashboard;

/// <summary>What is looked at. None of it changes anything.</summary>
internal static class PageEndpoints
{
    public static void MapPages(this IEndpointRouteBuilder routes)
    {
        routes.MapPage<OverviewPage>("");
        routes.MapPage<DataPage>("/data");
        routes.MapPage<NewestPage>("/data/newest");
        routes.MapPage<TrainingPage>("/training");
        routes.MapPage<RunPage>("/training/{runId:long}");
        routes.MapPage<RunProgressPage>("/training/{runId:long}/progress");
        routes.MapGet("/training/{runId:long}/events", RunEndpoints.EventsAsync).TakesLong(LongRequest.Watch);
        routes.MapPage<ModelsPage>("/models");
        routes.MapPage<ModelPage>("/models/{version:long}");
        routes.MapPage<ComparePage>("/models/compare");
        routes.MapPage<TryPage>("/try");
        routes.MapPage<ItemsPage>("/items");
        routes.MapPage<ItemPage>("/items/view");
        routes.MapPage<UsersPage>("/users");
        routes.MapPage<UserPage>("/users/view");
        routes.MapPage<KeysPage>("/keys");
        routes.MapPage<AuditPage>("/audit");
        routes.MapPage<SettingsPage>("/settings");
        routes.MapQuestions();
        routes.MapGet(
            "/{**path}",
            () => new RazorComponentResult<NothingPage> { StatusCode = StatusCodes.Status404NotFound, PreventStreamingRendering = true }
        );
    }

    private static void MapPage<TPage>(this IEndpointRouteBuilder routes, string path)
        where TPage : IComponent => routes.MapGet(path, () => new RazorComponentResult<TPage> { PreventStreamingRendering = true });

    // Each is a page, which scripts show as a dialogue.
    private static void MapQuestions(this IEndpointRouteBuilder routes)
    {
        routes.MapGet(
            "/training/{runId:long}/cancel",
            (long runId) =>
                new Question(
                    $"Cancel run {runId}?",
                    "It stops within about a second, and what it has learned is lost. The model that is served stays.",
                    $"/training/{runId}/cancel",
                    "Cancel the run",
                    $"/training/{runId}",
                    IsDangerous: true
                ).ToPage()
        );
        routes.MapGet(
            "/models/{version:long}/activate",
            (long version) =>
                new Question(
                    $"Serve model {version}?",
                    "All replicas answer with it within a second or two. The next training run that publishes a model replaces it.",
                    $"/models/{version}/activate",
                    "Serve it",
                    $"/models/{version}"
                ).ToPage()
        );
        routes.MapGet(
            "/users/erase",
            (string id) =>
                new Question(
                    $"Erase user {Text.Id(id)}?",
                    "All that is known of the user goes: interactions, tags, attributes, and the user's part in models. It cannot be undone.",
                    "/users/erase",
                    "Erase the user",
                    $"/users/view?id={Uri.EscapeDataString(id)}",
                    IsDangerous: true
                )
                {
                    FieldName = "id",
                    FieldValue = id,
                }.ToPage()
        );
        routes.MapGet(
            "/keys/{prefix}/rotate",
            (string prefix) =>
                new Question(
                    $"Give {prefix} a new secret?",
                    "The new secret is shown once. Whoever uses the key needs it before the former one ends.",
                    $"/keys/{Uri.EscapeDataString(prefix)}/rotate",
                    "Make a new secret",
                    "/keys"
                )
                {
                    AskGrace = true,
                }.ToPage()
        );
        routes.MapGet(
            "/keys/{prefix}/revoke",
            (string prefix) =>
                new Question(
                    $"Revoke {prefix}?",
                    "Whoever uses it is refused from now on, on all replicas within a second, and sessions that began with it end. It cannot be undone.",
                    $"/keys/{Uri.EscapeDataString(prefix)}/revoke",
                    "Revoke the key",
                    "/keys",
                    IsDangerous: true
                ).ToPage()
        );
    }
}
