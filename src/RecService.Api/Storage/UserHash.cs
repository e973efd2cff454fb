using System.Buffers.Binary;

namespace RecService.Api.Storage;

/// <summary>A SHA-256 as a value.</summary>
internal readonly record struct UserHash(UInt128 First, UInt128 Second)
{
    public static UserHash Read(ReadOnlySpan<byte> bytes) =>
        new(BinaryPrimitives.ReadUInt128BigEndian(bytes), BinaryPrimitives.ReadUInt128BigEndian(bytes[16..]));
}
