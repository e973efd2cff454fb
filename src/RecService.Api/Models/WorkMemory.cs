namespace RecService.Api.Models;

/// <summary>The memory of training runs, and of the publication of their models: each phase leaves behind as much as it needed.</summary>
internal static class WorkMemory
{
    /// <summary>With less than this in use, a collection gains too little to stop the process for it.</summary>
    private const long Much = 512L << 20;

    /// <summary>
    /// Gives back what a phase has left. It is of the oldest generation, which the collector looks at seldom, so that the next phase would take as much on top of it, and
    /// the process would keep it afterwards.
    /// </summary>
    public static void Release()
    {
        if (GC.GetTotalMemory(forceFullCollection: false) > Much)
        {
            GC.Collect(GC.MaxGeneration, GCCollectionMode.Aggressive, blocking: true, compacting: true);
        }
    }
}
