using System.ComponentModel.DataAnnotations;
using System.Globalization;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.Net.Http.Headers;
using RecService.Api.Domain;
using RecService.Api.Http;
using RecService.Api.Http.Errors;
using RecService.Api.Models;
using RecService.Api.Publishing;

namespace RecService.Api.Scoring;

internal static class CrossFeatureEndpoints
{
    private const string CrossPart = "cross";
    private const string PooledPart = "pooled";
    private const int MaximumJsonNumbers = 4_000_000;

    public static IEndpointRouteBuilder MapCrossFeatureEndpoints(this IEndpointRouteBuilder routes)
    {
        routes
            .MapPost("/v1/cross-features", CrossFeaturesAsync)
            .WithTags("Scoring")
            .WithName("crossFeatures")
            .WithSummary("Get cross-feature vectors")
            .Requires(Roles.Score)
            .WithDescription(
                "The inputs of downstream models: per row the cross vector (k numbers) and the pooled vector of each field. "
                    + "With `Accept: application/x-npy` the answer is one little-endian float32 array in C order: `part=cross` of shape (rows, k), `part=pooled` of shape (rows, fields, k); "
                    + "the headers `X-Model-Version` and `X-Fields` name the model and the fields, `X-Degraded` what could not be known while the database was away. Each training changes the basis of the vectors: name a pinned `modelVersion`."
            )
            .Produces<CrossFeatureResponse>(StatusCodes.Status200OK, "application/json", NpyWriter.MediaType)
            .ProducesProblem(StatusCodes.Status404NotFound)
            .ProducesProblem(StatusCodes.Status409Conflict)
            .ProducesProblem(StatusCodes.Status410Gone);
        return routes;
    }

    private static async Task<Results<Ok<CrossFeatureResponse>, EmptyHttpResult, ValidationProblem, ProblemHttpResult>> CrossFeaturesAsync(
        CrossFeatureRequest request,
        Publisher publisher,
        ModelVersions versions,
        StoreReader store,
        HttpContext http,
        TimeProvider clock,
        CancellationToken cancellationToken,
        [AllowedValues(CrossPart, PooledPart)] string part = CrossPart
    )
    {
        var errors = new FieldErrors();
        if (part is not (CrossPart or PooledPart))
        {
            errors.Add("part", $"must be one of {CrossPart}, {PooledPart}");
        }

        var contexts = RequestValidation.Rows(errors, "rows", request.Rows);
        if (errors.Any)
        {
            return errors.ToProblem();
        }

        var snapshot = publisher.Current;
        var (found, availability) = await versions.FindAsync(request.ModelVersion, snapshot, cancellationToken);
        if (found is not { } model)
        {
            return ModelProblems.NotAvailable(availability, request.ModelVersion);
        }

        var users = request.Rows.Select(row => row.UserId).OfType<string>().Distinct(StringComparer.Ordinal).Count();
        if (StoreReader.TooManyHistories(users, model.Model.History) is { } reason)
        {
            return Problems.Invalid("rows", reason);
        }

        var rows = await JoinedRows.CreateAsync(snapshot, model, request.Rows, contexts, store, clock.GetUtcNow(), cancellationToken);
        http.Response.Headers[HeaderNames.Vary] = HeaderNames.Accept;
        if (store.Missing.Count > 0)
        {
            http.Response.Headers["X-Degraded"] = string.Join(',', store.Missing);
        }

        if (WantsNpy(http.Request))
        {
            await WriteNpyAsync(http.Response, model, rows, part, cancellationToken);
            return TypedResults.Empty;
        }

        // An array is streamed; JSON is built in memory first.
        var most = MaximumJsonNumbers / ((model.Model.Space.FieldCount + 1) * model.Model.Factors);
        return rows.Count > most
            ? Problems.Invalid(
                "rows",
                $"must hold at most {most} rows for an answer in JSON by this model; ask for {NpyWriter.MediaType}, which has no such limit"
            )
            : TypedResults.Ok(Json(model, rows, store.Missing));
    }

    /// <summary>Whether the caller names the array format, and likes it no less than JSON.</summary>
    private static bool WantsNpy(HttpRequest request)
    {
        var accepted = request.GetTypedHeaders().Accept;
        double Quality(params string[] mediaTypes) =>
            accepted
                .Where(type => mediaTypes.Any(wanted => type.MediaType.Equals(wanted, StringComparison.OrdinalIgnoreCase)))
                .Max(type => (double?)(type.Quality ?? 1))
            ?? 0;
        return Quality(NpyWriter.MediaType) is > 0 and var npy && npy >= Quality("application/json");
    }

    private static CrossFeatureResponse Json(LoadedModel model, JoinedRows rows, IReadOnlyList<string> degraded)
    {
        var k = model.Model.Factors;
        var fields = model.Model.Space.Fields;
        var pooled = new float[fields.Count * k];
        var answers = new CrossFeatures[rows.Count];
        for (var row = 0; row < rows.Count; row++)
        {
            var cross = new float[k];
            model.Scorer.CrossFeatures(rows.Join(row), cross, pooled, out var linear, out var score);
            var byField = new Dictionary<string, float[]>(StringComparer.Ordinal);
            for (var field = 0; field < fields.Count; field++)
            {
                byField.Add(fields[field], pooled.AsSpan(field * k, k).ToArray());
            }

            answers[row] = new(model.Model.Bias, linear, cross, byField, score, model.Predict(score));
        }
        return new(model.Version, k, fields, answers, degraded);
    }

    private static async Task WriteNpyAsync(
        HttpResponse response,
        LoadedModel model,
        JoinedRows rows,
        string part,
        CancellationToken cancellationToken
    )
    {
        const int FlushRows = 256;
        var k = model.Model.Factors;
        var fields = model.Model.Space.Fields;
        response.ContentType = NpyWriter.MediaType;
        response.Headers["X-Model-Version"] = model.Version.ToString(CultureInfo.InvariantCulture);
        response.Headers["X-Fields"] = string.Join(',', fields);
        if (part == CrossPart)
        {
            NpyWriter.WriteHeader(response.BodyWriter, rows.Count, k);
        }
        else
        {
            NpyWriter.WriteHeader(response.BodyWriter, rows.Count, fields.Count, k);
        }

        var cross = new float[k];
        var pooled = new float[fields.Count * k];
        for (var row = 0; row < rows.Count; row++)
        {
            model.Scorer.CrossFeatures(rows.Join(row), cross, pooled, out _, out _);
            NpyWriter.Write(response.BodyWriter, part == CrossPart ? cross : pooled);
            if (row % FlushRows == FlushRows - 1)
            {
                await response.BodyWriter.FlushAsync(cancellationToken);
            }
        }
        await response.BodyWriter.FlushAsync(cancellationToken);
    }
}
