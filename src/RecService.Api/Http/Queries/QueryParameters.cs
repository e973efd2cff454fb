using Microsoft.AspNetCore.Http.Metadata;
using RecService.Api.Domain;
using RecService.Api.Http.Bulk;
using RecService.Api.Http.Errors;

namespace RecService.Api.Http.Queries;

/// <summary>
/// Refuses query parameters that the endpoint does not declare, or that are given twice and are no lists. Binding would ignore the former and join the latter
/// by a comma, and a request to delete with a misspelt condition would delete more than was asked for.
/// </summary>
internal static class QueryParameters
{
    public const string Unknown = "is not a known query parameter";

    /// <summary>To be called after routing.</summary>
    public static IApplicationBuilder UseQueryParameterCheck(this IApplicationBuilder app) =>
        app.Use(
            (context, next) =>
            {
                if (
                    context.Request.Query is not { Count: > 0 } query
                    || context.GetEndpoint() is not RouteEndpoint endpoint
                    || !context.Request.Path.StartsWithSegments("/v1", StringComparison.OrdinalIgnoreCase)
                )
                {
                    return next(context);
                }

                var declared = Declared(endpoint);
                var columns = endpoint.Metadata.GetMetadata<TakesColumns>();
                var errors = new FieldErrors();
                foreach (var (name, values) in query)
                {
                    if (!declared.TryGetValue(name, out var repeats) && columns?.Takes(name, out repeats) != true)
                    {
                        errors.Add(name, Unknown);
                    }
                    else if (values.Count > 1 && !repeats)
                    {
                        errors.Add(name, "is given twice");
                    }
                }

                return errors.Any ? errors.ToProblem().ExecuteAsync(context) : next(context);
            }
        );

    // By name, whether it may come several times. Binding takes names in any case. Parameters that are no text are services or the body.
    private static Dictionary<string, bool> Declared(RouteEndpoint endpoint) =>
        endpoint
            .Metadata.GetOrderedMetadata<IParameterBindingMetadata>()
            .Select(parameter => (parameter.Name, parameter.HasTryParse, Type: parameter.ParameterInfo.ParameterType))
            .Where(parameter => parameter.HasTryParse || parameter.Type == typeof(string) || parameter.Type == typeof(string[]))
            .Where(parameter => endpoint.RoutePattern.GetParameter(parameter.Name) is null)
            .ToDictionary(parameter => parameter.Name, parameter => parameter.Type.IsArray, StringComparer.OrdinalIgnoreCase);
}
