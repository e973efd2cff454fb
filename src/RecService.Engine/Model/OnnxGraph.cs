using System.Globalization;
using RecService.Engine.Files;

namespace RecService.Engine.Model;

/// <summary>
/// A graph of ONNX, put together part by part, with the field numbers of onnx.proto (https://github.com/onnx/onnx/blob/main/onnx/onnx.proto).
/// </summary>
internal sealed class OnnxGraph
{
    public const int Float32 = 1;
    public const int Int32 = 6;
    public const int Int64 = 7;

    // Read by the releases of ONNX Runtime since 1.12.
    private const int FormatVersion = 8;
    private const int OperatorSet = 17;

    private const int IntegerAttribute = 2;
    private const int IntegersAttribute = 7;

    private readonly ProtobufMessage _graph = new();

    /// <summary>An operator; the name of its only output.</summary>
    public string Node(string type, string[] inputs, string output, params (string Name, long[] Values)[] attributes)
    {
        var node = new ProtobufMessage();
        foreach (var input in inputs)
        {
            node.Add(1, input);
        }

        node.Add(2, output).Add(3, $"{type}:{output}").Add(4, type);
        foreach (var (name, values) in attributes)
        {
            var attribute = new ProtobufMessage().Add(1, name);
            if (values is [var value])
            {
                attribute.Add(3, value).Add(20, IntegerAttribute);
            }
            else
            {
                foreach (var each in values)
                {
                    attribute.Add(8, each);
                }

                attribute.Add(20, IntegersAttribute);
            }

            node.Add(5, attribute);
        }

        _graph.Add(1, node);
        return output;
    }

    /// <summary>A constant of any size; its name.</summary>
    public string Constant(string name, int type, long[] shape, Action<Stream> write)
    {
        var tensor = new ProtobufMessage();
        var length = type == Int64 ? sizeof(long) : (long)sizeof(float);
        foreach (var dimension in shape)
        {
            tensor.Add(1, dimension);
            length = checked(length * dimension);
        }

        _graph.Add(5, tensor.Add(2, type).Add(8, name).Add(9, length, write));
        return name;
    }

    public string Constant(string name, float number) => Constant(name, Float32, [], stream => NumberStream.Write(stream, [number]));

    /// <summary>Integers as operators take them for axes and depths; a scalar when it is none of several.</summary>
    public string Constant(string name, long integer, bool scalar = false) =>
        // The halves of 64 bits, the lower first.
        Constant(name, Int64, scalar ? [] : [1], stream => NumberStream.Write(stream, [(int)integer, (int)(integer >> 32)]));

    public string Constant(string name, long[] integers) =>
        Constant(
            name,
            Int64,
            [integers.Length],
            stream => NumberStream.Write(stream, integers.SelectMany(integer => new[] { (int)integer, (int)(integer >> 32) }).ToArray())
        );

    /// <summary>An input; its dimensions are numbers or the names of those that differ from call to call.</summary>
    public string Input(string name, int type, params string[] shape)
    {
        _graph.Add(11, Value(name, type, shape));
        return name;
    }

    public void Output(string name, int type, params string[] shape) => _graph.Add(12, Value(name, type, shape));

    /// <summary>The model with this graph.</summary>
    /// <param name="name">The name of the graph.</param>
    /// <param name="description">What it does.</param>
    /// <param name="metadata">What it says of itself.</param>
    public ProtobufMessage ToModel(string name, string description, IEnumerable<(string Key, long Length, Action<Stream> Write)> metadata)
    {
        _graph.Add(2, name);
        var model = new ProtobufMessage()
            .Add(1, FormatVersion)
            .Add(2, "RecService")
            .Add(6, description)
            .Add(8, new ProtobufMessage().Add(1, "").Add(2, OperatorSet))
            .Add(7, _graph);
        foreach (var (key, length, write) in metadata)
        {
            model.Add(14, new ProtobufMessage().Add(1, key).Add(2, length, write));
        }

        return model;
    }

    private static ProtobufMessage Value(string name, int type, string[] shape)
    {
        var dimensions = new ProtobufMessage();
        foreach (var dimension in shape)
        {
            dimensions.Add(
                1,
                long.TryParse(dimension, CultureInfo.InvariantCulture, out var length) ? new ProtobufMessage().Add(1, length) : new ProtobufMessage().Add(2, dimension)
            );
        }

        return new ProtobufMessage().Add(1, name).Add(2, new ProtobufMessage().Add(1, new ProtobufMessage().Add(1, type).Add(2, dimensions)));
    }
}
