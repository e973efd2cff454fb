using Npgsql;
using NpgsqlTypes;
using RecService.Api.Domain;

namespace RecService.Api.Publishing;

/// <summary>What types of interactions say, as a table <c>m</c> of a statement.</summary>
internal static class FeedbackParameters
{
    /// <summary>SQL: the table, whose columns are parameters from <paramref name="first"/> on.</summary>
    public static string Table(int first) =>
        $"unnest(${first}::text[], ${first + 1}::float8[], ${first + 2}::float8[], ${first + 3}::float8[], ${first + 4}::float8[], ${first + 5}::float8[])"
        + " AS m (type, weight, positive_from, negative_to, minimum, maximum)";

    /// <summary>Adds the parameters.</summary>
    public static void Add(NpgsqlParameterCollection parameters, Feedback feedback)
    {
        var types = feedback.Types;
        Add(parameters, types.Select(type => type.Type).ToArray(), NpgsqlDbType.Text);
        Add(parameters, types.Select(type => type.Weight).ToArray(), NpgsqlDbType.Double);
        Add(parameters, types.Select(type => type.PositiveFrom).ToArray(), NpgsqlDbType.Double);
        Add(parameters, types.Select(type => type.NegativeTo).ToArray(), NpgsqlDbType.Double);
        Add(parameters, types.Select(type => type.Minimum).ToArray(), NpgsqlDbType.Double);
        Add(parameters, types.Select(type => type.Maximum).ToArray(), NpgsqlDbType.Double);
    }

    private static void Add(NpgsqlParameterCollection parameters, object values, NpgsqlDbType of) =>
        parameters.Add(new() { Value = values, NpgsqlDbType = NpgsqlDbType.Array | of });
}
