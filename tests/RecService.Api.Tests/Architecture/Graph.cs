namespace RecService.Api.Tests.Architecture;

/// <summary>Which of some things knows which others.</summary>
internal sealed class Graph
{
    private readonly Dictionary<string, SortedSet<string>> _edges = new(StringComparer.Ordinal);

    public Graph(IEnumerable<(string From, string To)> edges)
    {
        foreach (var (from, to) in edges)
        {
            if (!_edges.TryGetValue(from, out var known))
            {
                _edges.Add(from, known = new(StringComparer.Ordinal));
            }

            known.Add(to);
        }
    }

    /// <summary>The largest groups of which each member knows every other one, if only through others.</summary>
    public List<string[]> Cycles()
    {
        var known = _edges.Keys.ToDictionary(node => node, Reach, StringComparer.Ordinal);
        return
        [
            .. known
                .Where(node => node.Value.Contains(node.Key))
                .GroupBy(
                    node => string.Join('\n', node.Value.Where(other => known.TryGetValue(other, out var back) && back.Contains(node.Key))),
                    node => node.Key,
                    StringComparer.Ordinal
                )
                .Select(cycle => cycle.Order(StringComparer.Ordinal).ToArray()),
        ];
    }

    /// <summary>All that a node knows, if only through others: itself, if it is in a cycle.</summary>
    private SortedSet<string> Reach(string node)
    {
        var reached = new SortedSet<string>(StringComparer.Ordinal);
        var open = new Stack<string>([node]);
        while (open.TryPop(out var next))
        {
            foreach (var known in _edges.GetValueOrDefault(next) ?? [])
            {
                if (reached.Add(known))
                {
                    open.Push(known);
                }
            }
        }

        return reached;
    }
}
