namespace RecService.Benchmarks;

/// <summary>How much there is: users of some taste each, who mostly take items of it, the popular ones more often.</summary>
/// <param name="Interactions">Number of interactions, one at least of each user.</param>
/// <param name="Users">Number of users, <c>user-1</c> and so on.</param>
/// <param name="Items">Number of items, <c>item-1</c> and so on.</param>
/// <param name="MostItems">Number of items after <see cref="AddItemsAsync"/>.</param>
internal sealed record ScaleShape(int Interactions, int Users, int Items, int MostItems)
{
    private const int Tastes = 300;

    public static ScaleShape Large { get; } = new(9_750_000, 1_500_000, 150_000, 1_000_000);

    public static ScaleShape Small { get; } = new(500_000, 75_000, 10_000, 100_000);

    /// <summary>Fills an empty database; without indexes and constraints while it grows, as loading would take most of the time.</summary>
    public async Task FillAsync(ServiceProcess service)
    {
        var ofTaste = Math.Max(1, Items / Tastes);
        string[] constraints = Lines(
            await service.PsqlAsync(
                "SELECT conname || ' ' || pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid = 'interactions'::regclass AND contype IN ('p', 'f') ORDER BY contype DESC"
            )
        );
        string[] indexes = Lines(
            await service.PsqlAsync(
                "SELECT indexdef FROM pg_indexes WHERE tablename = 'interactions' AND indexname NOT IN (SELECT conname FROM pg_constraint)"
            )
        );
        await service.PsqlAsync([
            "SET maintenance_work_mem = '512MB'",
            .. constraints.Select(constraint => $"ALTER TABLE interactions DROP CONSTRAINT {constraint.Split(' ')[0]}"),
            .. indexes.Select(index => $"DROP INDEX {index.Split(" INDEX ")[1].Split(' ')[0]}"),
            $"INSERT INTO users (user_id, created_at, updated_at) SELECT 'user-' || n, now(), now() FROM generate_series(1, {Users}) n",
            AddItems(1, Items),
            "SELECT setseed(0.5)",
            $"""
            INSERT INTO interactions (user_key, item_key, type, occurred_at, received_at)
            SELECT u, 1 + least({Items - 1}, CASE
                WHEN random() < 0.7 THEN (u % {Tastes}) * {ofTaste} + floor({ofTaste} * power(random(), 2))::int
                ELSE floor({Items} * power(random(), 3))::int END),
                'purchase', timestamptz '2026-01-01' + n * interval '1 second', now()
            FROM (
                SELECT n, CASE WHEN n <= {Users} THEN n ELSE 1 + floor({Users} * power(random(), 2))::int END AS u FROM generate_series(1, {Interactions}) n
            ) drawn
            """,
            .. constraints.Where(IsKey).Select(Add),
            .. indexes,
            .. constraints.Where(constraint => !IsKey(constraint)).Select(Add),
        ]);
        // Not in the session of the others, which a vacuum has to be apart from.
        await service.PsqlAsync("VACUUM ANALYZE");

        static bool IsKey(string constraint) => constraint.Contains("PRIMARY KEY", StringComparison.Ordinal);
        static string Add(string constraint) => $"ALTER TABLE interactions ADD CONSTRAINT {constraint}";
        static string[] Lines(string text) => text.Split('\n', StringSplitOptions.RemoveEmptyEntries);
    }

    /// <summary>Adds items that nobody has taken.</summary>
    public Task AddItemsAsync(ServiceProcess service) => service.PsqlAsync(AddItems(Items + 1, MostItems));

    private static string AddItems(int from, int to) =>
        $"INSERT INTO items (item_id, tags, created_at, updated_at) SELECT 'item-' || n, ARRAY['tag-' || n / 500, 'kind-' || n % 37], now(), now() FROM generate_series({from}, {to}) n";
}
