using System.Text;

namespace RecService.Engine.Model;

/// <summary>
/// A message of protocol buffers (https://protobuf.dev/programming-guides/encoding) that knows its length before it is written, so that what is long in
/// it is written straight from where it lies.
/// </summary>
internal sealed class ProtobufMessage
{
    private const int Varint = 0;
    private const int LengthDelimited = 2;

    private readonly List<(byte[] Head, Action<Stream>? Body)> _fields = [];

    /// <summary>Bytes of the fields.</summary>
    public long Length { get; private set; }

    public ProtobufMessage Add(int field, long number)
    {
        Add([.. Number(Tag(field, Varint)), .. Number((ulong)number)], length: 0, body: null);
        return this;
    }

    public ProtobufMessage Add(int field, string text)
    {
        var bytes = Encoding.UTF8.GetBytes(text);
        return Add(field, bytes.Length, stream => stream.Write(bytes));
    }

    /// <summary>A message, to which nothing may be added any more.</summary>
    public ProtobufMessage Add(int field, ProtobufMessage message) => Add(field, message.Length, message.WriteTo);

    /// <summary>Bytes that are written when their turn comes, and their number.</summary>
    public ProtobufMessage Add(int field, long length, Action<Stream> write)
    {
        Add([.. Number(Tag(field, LengthDelimited)), .. Number((ulong)length)], length, write);
        return this;
    }

    public void WriteTo(Stream stream)
    {
        foreach (var (head, body) in _fields)
        {
            stream.Write(head);
            body?.Invoke(stream);
        }
    }

    private void Add(byte[] head, long length, Action<Stream>? body)
    {
        _fields.Add((head, body));
        Length = checked(Length + head.Length + length);
    }

    private static ulong Tag(int field, int type) => ((ulong)field << 3) | (uint)type;

    private static IEnumerable<byte> Number(ulong number)
    {
        for (; number > 0x7F; number >>= 7)
        {
            yield return (byte)(number | 0x80);
        }

        yield return (byte)number;
    }
}
