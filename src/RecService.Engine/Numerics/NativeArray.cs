using System.Runtime.InteropServices;

namespace RecService.Engine.Numerics;

/// <summary>
/// Numbers outside the garbage-collected heap, aligned to cache lines, which the heap cannot promise, and without its limit of 2³¹ elements. Zero at
/// first.
/// </summary>
internal sealed unsafe class NativeArray<T> : SafeHandle
    where T : unmanaged
{
    private const nuint Alignment = 64;

    public NativeArray(nuint length)
        : base(0, ownsHandle: true)
    {
        Length = length;
        SetHandle((nint)NativeMemory.AlignedAlloc(checked(length * (nuint)sizeof(T)), Alignment));
        Clear();
    }

    /// <summary>An array of one number.</summary>
    public static NativeArray<T> Of(T value)
    {
        var array = new NativeArray<T>(1);
        *array.Pointer = value;
        return array;
    }

    public nuint Length { get; }

    /// <summary>The first number; valid until the array is disposed or collected.</summary>
    public T* Pointer => (T*)handle;

    /// <summary>Sets all numbers to 0.</summary>
    public void Clear() => NativeMemory.Clear(Pointer, Length * (nuint)sizeof(T));

    public override bool IsInvalid => handle == 0;

    protected override bool ReleaseHandle()
    {
        NativeMemory.AlignedFree((void*)handle);
        return true;
    }
}
