using System.Buffers;
using System.Buffers.Binary;
using System.Globalization;
using System.Text;

namespace RecService.Api.Scoring;

/// <summary>Writes float32 arrays in NumPy's npy format, version 1.0: little-endian, C order.</summary>
internal static class NpyWriter
{
    public const string MediaType = "application/x-npy";

    private static ReadOnlySpan<byte> Magic => [0x93, (byte)'N', (byte)'U', (byte)'M', (byte)'P', (byte)'Y', 1, 0];

    /// <summary>The length of the header, which is followed by the numbers.</summary>
    public static int WriteHeader(IBufferWriter<byte> output, params ReadOnlySpan<int> shape)
    {
        var dimensions = new StringBuilder();
        foreach (var length in shape)
        {
            dimensions.Append(CultureInfo.InvariantCulture, $"{length}, ");
        }
        // A tuple of one keeps its comma.
        dimensions.Length -= shape.Length == 1 ? 1 : 2;
        var text = $"{{'descr': '<f4', 'fortran_order': False, 'shape': ({dimensions}), }}";
        // The whole header is padded to a multiple of 64 and ends with a line feed.
        var length64 = (Magic.Length + 2 + text.Length + 1 + 63) / 64 * 64;
        var header = output.GetSpan(length64)[..length64];
        header.Fill((byte)' ');
        Magic.CopyTo(header);
        BinaryPrimitives.WriteUInt16LittleEndian(header[Magic.Length..], (ushort)(length64 - Magic.Length - 2));
        Encoding.ASCII.GetBytes(text, header[(Magic.Length + 2)..]);
        header[^1] = (byte)'\n';
        output.Advance(length64);
        return length64;
    }

    public static void Write(IBufferWriter<byte> output, ReadOnlySpan<float> numbers)
    {
        var bytes = output.GetSpan(numbers.Length * sizeof(float));
        for (var i = 0; i < numbers.Length; i++)
        {
            BinaryPrimitives.WriteSingleLittleEndian(bytes[(i * sizeof(float))..], numbers[i]);
        }

        output.Advance(numbers.Length * sizeof(float));
    }
}
