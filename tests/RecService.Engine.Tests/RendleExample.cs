using RecService.Engine.Data;

namespace RecService.Engine.Tests;

/// <summary>
/// Figure 1 of Rendle, "Factorization machines" (ICDM 2010): ratings of Titanic, Notting Hill, Star Wars and Star Trek by Alice, Bob and Charlie.
/// Columns: 3 users, 4 items, 4 other items rated (normalised to sum to 1), the months since January 2009, and 4 last items rated.
/// </summary>
internal static class RendleExample
{
    public static readonly float[] Ratings = [5, 3, 1, 4, 5, 1, 5];

    public static (SparseRows Rows, FeatureSpace Space) Rows()
    {
        const float Third = 1f / 3;
        float[,] x =
        {
            { 1, 0, 0, 1, 0, 0, 0, Third, Third, Third, 0, 13, 0, 0, 0, 0 },
            { 1, 0, 0, 0, 1, 0, 0, Third, Third, Third, 0, 14, 1, 0, 0, 0 },
            { 1, 0, 0, 0, 0, 1, 0, Third, Third, Third, 0, 16, 0, 1, 0, 0 },
            { 0, 1, 0, 0, 0, 1, 0, 0, 0, 0.5f, 0.5f, 5, 0, 0, 0, 0 },
            { 0, 1, 0, 0, 0, 0, 1, 0, 0, 0.5f, 0.5f, 8, 0, 0, 1, 0 },
            { 0, 0, 1, 1, 0, 0, 0, 0.5f, 0, 0.5f, 0, 9, 0, 0, 0, 0 },
            { 0, 0, 1, 0, 0, 1, 0, 0.5f, 0, 0.5f, 0, 12, 1, 0, 0, 0 },
        };
        int[] fields = [0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 4, 4, 4, 4];
        return (SparseRows.FromDense(x), new(["user", "movie", "other movies rated", "time", "last movie rated"], fields));
    }
}
