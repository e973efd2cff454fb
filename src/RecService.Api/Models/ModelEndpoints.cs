using System.ComponentModel.DataAnnotations;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.EntityFrameworkCore;
using Npgsql;
using RecService.Api.Domain;
using RecService.Api.Http;
using RecService.Api.Http.Errors;
using RecService.Api.Http.Limits;
using RecService.Api.Http.Queries;
using RecService.Api.Storage;
using RecService.Engine.Model;
using IsolationLevel = System.Data.IsolationLevel;

namespace RecService.Api.Models;

internal static class ModelEndpoints
{
    private const string ListName = "models";

    public static void MapModelEndpoints(this IEndpointRouteBuilder routes)
    {
        var group = routes.MapGroup("/v1/models").WithTags("Models").Requires(Roles.Admin);
        group.MapGet("/", ListAsync).WithName("listModels").WithSummary("List models, newest first");
        group
            .MapGet("/{version:long}", GetAsync)
            .WithName("getModel")
            .WithSummary("Get a model's record")
            .ProducesProblem(StatusCodes.Status404NotFound);
        group
            .MapGet("/{version:long}/export", ExportAsync)
            .WithName("exportModel")
            .WithSummary("Download a model's file")
            .WithDescription(
                "`rfm` is the format of the engine and of the command line, as it is stored; `safetensors` has the numbers as tensors that PyTorch and "
                    + "others load; `onnx` scores rows in ONNX Runtime, up to 2 GB. Both name the feature of each column."
            )
            .TakesLong(LongRequest.Export)
            .Produces<Stream>(StatusCodes.Status200OK, "application/octet-stream")
            .ProducesProblem(StatusCodes.Status404NotFound)
            .ProducesProblem(StatusCodes.Status409Conflict)
            .ProducesProblem(StatusCodes.Status410Gone);
        group
            .MapPut("/{version:long}/pin", PinAsync)
            .WithName("pinModel")
            .WithSummary("Keep a model loadable for requests that name its version")
            .ProducesProblem(StatusCodes.Status404NotFound)
            .ProducesProblem(StatusCodes.Status410Gone);
        group
            .MapDelete("/{version:long}/pin", UnpinAsync)
            .WithName("unpinModel")
            .WithSummary("Let a pinned model go")
            .ProducesProblem(StatusCodes.Status404NotFound);
    }

    private static async Task<Results<Ok<ModelPage>, ValidationProblem>> ListAsync(
        ModelStore models,
        int? limit,
        string? cursor,
        CancellationToken cancellationToken
    )
    {
        var errors = new FieldErrors();
        var size = Paging.Limit(errors, limit);
        var before = Paging.AfterKey(errors, ListName, cursor);
        if (errors.Any)
        {
            return errors.ToProblem();
        }

        var (page, active) = await models.ListAsync(before ?? long.MaxValue, size + 1, cancellationToken);
        var next = page.Count > size ? Paging.Cursor(ListName, page[size - 1].Version) : null;
        return TypedResults.Ok(new ModelPage([.. page.Take(size).Select(model => ModelResponse.From(model, model.Version == active))], next));
    }

    private static async Task<Results<Ok<ModelResponse>, ProblemHttpResult>> GetAsync(
        long version,
        ModelStore models,
        CancellationToken cancellationToken
    ) =>
        await models.FindAsync(version, cancellationToken) is var (model, isActive)
            ? TypedResults.Ok(ModelResponse.From(model, isActive))
            : ModelProblems.NotFound(version);

    private static async Task<Results<PushStreamHttpResult, ValidationProblem, ProblemHttpResult>> ExportAsync(
        long version,
        RecServiceDbContext context,
        ArtifactScrubber scrubber,
        StallLimit stalls,
        AuditLog audit,
        HttpContext http,
        CancellationToken cancellationToken,
        [AllowedValues(ModelExport.Rfm, ModelExport.Safetensors, ModelExport.Onnx)] string format = ModelExport.Rfm
    )
    {
        if (format is not (ModelExport.Rfm or ModelExport.Safetensors or ModelExport.Onnx))
        {
            return Problems.Invalid("format", $"must be one of {ModelExport.Rfm}, {ModelExport.Safetensors}, {ModelExport.Onnx}");
        }

        try
        {
            await scrubber.ScrubModelAsync(version, cancellationToken);
        }
        catch (DamagedArtifactException exception)
        {
            return ModelProblems.Unusable(exception.Message);
        }
        await audit.WriteAsync("model.export", version, cancellationToken);
        // The file may be rewritten or removed at any moment: its size is that of the very file.
        await context.Database.BeginTransactionAsync(IsolationLevel.RepeatableRead, cancellationToken);
        if (await ModelStore.FindAsync(context, version, cancellationToken) is not { } model)
        {
            return ModelProblems.NotFound(version);
        }

        if (model.PrunedAt is not null)
        {
            return ModelProblems.Gone(version);
        }

        var connection = (NpgsqlConnection)context.Database.GetDbConnection();
        Func<Stream, Task> send;
        if (format == ModelExport.Rfm)
        {
            var artifact = await Artifacts.OfModels.OpenReadAsync(connection, version, cancellationToken);
            http.Response.ContentLength = model.SizeBytes;
            send = body => SendAsync(artifact, body, stalls, cancellationToken);
        }
        else
        {
            ModelExport export;
            try
            {
                export = new(format, await Artifacts.OfModels.LoadAsync(connection, version, ModelFile.Load, cancellationToken));
            }
            catch (ModelFormatException exception)
            {
                return ModelProblems.Unusable(exception.Message);
            }

            await context.Database.RollbackTransactionAsync(cancellationToken);
            if (export.IsTooLong)
            {
                return ModelProblems.TooLongForOnnx();
            }

            http.Response.ContentLength = export.Length;
            send = body => export.SendAsync(body, stalls, cancellationToken);
        }

        return TypedResults.Stream(send, "application/octet-stream", $"recservice-model-{version}.{format}");
    }

    private static async Task SendAsync(Stream artifact, Stream body, StallLimit stalls, CancellationToken cancellationToken)
    {
        await using (artifact)
        {
            using var reader = stalls.Begin(cancellationToken);
            var part = new byte[StallLimit.PartBytes];
            while (await artifact.ReadAsync(part, cancellationToken) is > 0 and var length)
            {
                await reader.SendAsync(async limited =>
                {
                    await body.WriteAsync(part.AsMemory(0, length), limited);
                    return length;
                });
            }
        }
    }

    public static async Task<Results<NoContent, ProblemHttpResult>> PinAsync(
        long version,
        ModelStore models,
        AuditLog audit,
        TimeProvider clock,
        CancellationToken cancellationToken
    )
    {
        if (
            await audit.RunAsync(
                "model.pin",
                version,
                (connection, token) => ModelStore.PinAsync(connection, version, clock.GetUtcNow(), token),
                cancellationToken
            )
        )
        {
            return TypedResults.NoContent();
        }

        return await models.FindAsync(version, cancellationToken) is null ? ModelProblems.NotFound(version) : ModelProblems.Gone(version);
    }

    public static async Task<Results<NoContent, ProblemHttpResult>> UnpinAsync(long version, AuditLog audit, CancellationToken cancellationToken) =>
        await audit.RunAsync("model.unpin", version, (connection, token) => ModelStore.UnpinAsync(connection, version, token), cancellationToken)
            ? TypedResults.NoContent()
            : ModelProblems.NotFound(version);
}
