using Microsoft.OpenApi;
using RecService.Api.Domain;
using RecService.Api.Http.Json;

namespace RecService.Api.Http.Queries;

/// <summary>Times in queries. They are bound as texts, as binding by itself takes them without an offset too.</summary>
internal static class TimeParameters
{
    public static DateTimeOffset? Read(FieldErrors errors, string field, string? text)
    {
        if (text is null)
        {
            return null;
        }

        if (Rfc3339Converter.TryParse(text, out var time))
        {
            return time;
        }

        errors.Add(field, Rfc3339Converter.Expected);
        return null;
    }

    /// <summary>Says of the parameters <c>from</c>, <c>to</c> and <c>since</c> of an operation that they are times.</summary>
    public static TBuilder WithTimes<TBuilder>(this TBuilder endpoint)
        where TBuilder : IEndpointConventionBuilder =>
        endpoint.AddOpenApiOperationTransformer(
            (operation, _, _) =>
            {
                foreach (var parameter in operation.Parameters ?? [])
                {
                    if (parameter is { Name: "from" or "to" or "since", Schema: OpenApiSchema schema })
                    {
                        schema.Format = "date-time";
                    }
                }

                return Task.CompletedTask;
            }
        );
}
