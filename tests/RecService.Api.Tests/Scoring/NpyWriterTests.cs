using System.Buffers;
using System.Text;
using RecService.Api.Scoring;

namespace RecService.Api.Tests.Scoring;

public sealed class NpyWriterTests
{
    [Theory]
    [InlineData(new[] { 3 }, "(3,)")]
    [InlineData(new[] { 3, 16 }, "(3, 16)")]
    [InlineData(new[] { 10_000, 12, 128 }, "(10000, 12, 128)")]
    public void The_header_names_type_order_and_shape_and_is_padded(int[] shape, string tuple)
    {
        var output = new ArrayBufferWriter<byte>();

        NpyWriter.WriteHeader(output, shape);

        var bytes = output.WrittenSpan;
        (bytes.Length % 64).ShouldBe(0);
        bytes[..8].ToArray().ShouldBe([0x93, (byte)'N', (byte)'U', (byte)'M', (byte)'P', (byte)'Y', 1, 0]);
        BitConverter.ToUInt16(bytes[8..10]).ShouldBe((ushort)(bytes.Length - 10));
        var text = Encoding.ASCII.GetString(bytes[10..]);
        text.ShouldStartWith($"{{'descr': '<f4', 'fortran_order': False, 'shape': {tuple}, }}");
        text.ShouldEndWith("\n");
    }

    [Fact]
    public void Numbers_are_little_endian()
    {
        var output = new ArrayBufferWriter<byte>();

        NpyWriter.Write(output, [1f, -2.5f]);

        output.WrittenSpan.ToArray().ShouldBe([0, 0, 0x80, 0x3F, 0, 0, 0x20, 0xC0]);
    }
}
