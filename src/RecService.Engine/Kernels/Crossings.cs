namespace RecService.Engine.Kernels;

/// <summary>Which entries cross. A type, so that kernels are compiled for each kind.</summary>
internal interface ICrossing
{
    /// <summary>Every entry crosses with every other.</summary>
    static abstract bool IsPlain { get; }

    /// <summary>Pairs of fields have weights.</summary>
    static abstract bool IsWeighted { get; }

    /// <summary>Features have a vector for each field.</summary>
    static abstract bool IsFieldAware { get; }
}

internal readonly struct PlainCrossing : ICrossing
{
    public static bool IsPlain => true;

    public static bool IsWeighted => false;

    public static bool IsFieldAware => false;
}

internal readonly struct PooledCrossing : ICrossing
{
    public static bool IsPlain => false;

    public static bool IsWeighted => false;

    public static bool IsFieldAware => false;
}

internal readonly struct WeightedCrossing : ICrossing
{
    public static bool IsPlain => false;

    public static bool IsWeighted => true;

    public static bool IsFieldAware => false;
}

internal readonly struct FieldAwareCrossing : ICrossing
{
    public static bool IsPlain => false;

    public static bool IsWeighted => false;

    public static bool IsFieldAware => true;
}
