using System.Text;
using RecService.Engine.Data;

namespace RecService.Engine.Tests.Data;

public sealed class CodePointComparerTests
{
    [Fact]
    public void Orders_as_the_bytes_of_UTF_8_do()
    {
        string[] texts = ["", "a", "ab", "b", "é", "\uE000", "\uFF5E", "😀", "😁", "😀a", "a😀", "a\uFFFD", "\uD7FF", "Z", "z"];

        foreach (var x in texts)
        {
            foreach (var y in texts)
            {
                var expected = Encoding.UTF8.GetBytes(x).AsSpan().SequenceCompareTo(Encoding.UTF8.GetBytes(y));
                Math.Sign(CodePointComparer.Instance.Compare(x, y)).ShouldBe(Math.Sign(expected), $"'{x}' and '{y}'");
            }
        }
    }
}
